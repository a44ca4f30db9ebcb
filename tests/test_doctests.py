"""The examples in docstrings run, in every module that has one."""

import doctest
import importlib
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in (ROOT / "gnn_dml").rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


def test_the_main_parts_have_examples():
    rooms = {name.split(".")[1] for name in MODULES}
    assert {"graphs", "layers", "models", "losses", "metrics", "training", "evaluation", "experiments"} <= rooms


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    """An example that writes has the folder `tmp`."""
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(
        importlib.import_module(name), extraglobs={"tmp": os.fspath(tmp_path)}, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert found.attempted
    assert not found.failed
