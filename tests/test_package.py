"""The package as `pip install .` ships it: a wheel, unpacked elsewhere, run from another folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gnn_dml import __version__

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def run(processes, installed):
    def call(folder, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        return processes.run("-m", "gnn_dml.cli.main", *arguments, cwd=folder, env=environment)

    return call


def test_the_embedded_data_come_along(run, installed, tmp_path):
    done = run(tmp_path, "data", "verify", "emoji")
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stdout
    assert "whole" in done.stdout


def test_it_trains_from_any_folder(run, tiny_settings, tmp_path):
    done = run(tmp_path, "train", *tiny_settings, "protocol.epochs=1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "single" / "results.csv").is_file()


def test_nothing_but_the_package_is_shipped(installed):
    metadata = f"gnn_dml-{__version__}.dist-info"
    assert {path.name for path in installed.iterdir()} == {"gnn_dml", metadata}
    assert list((installed / "gnn_dml" / "conf").rglob("*.yaml"))
