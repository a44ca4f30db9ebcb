"""What a process that was killed at the end of a run leaves, and another one removes."""

import json
import shutil

import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.experiments.execute import execute
from gnn_dml.experiments.leftovers import has_leftovers
from gnn_dml.experiments.reuse import run_folder

MORE = ["graph=none", "protocol.epochs=0", "pictures=true"]


@pytest.fixture(scope="module")
def first(settings_in, tmp_path_factory):
    """A finished run with its picture: its folder and its row."""
    config = resolve([*settings_in(tmp_path_factory.mktemp("first")), *MORE])
    row, _ = execute(config)
    return run_folder(config), row


@pytest.fixture
def finished(first, tiny_settings):
    """The same, the test's own."""
    config = resolve([*tiny_settings, *MORE])
    folder, row = first
    return config, row, shutil.copytree(folder, run_folder(config))


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_the_killed_left_is_removed_and_nothing_is_trained(finished):
    config, row, folder = finished
    whole = files(folder)
    assert not has_leftovers(folder)
    before = (folder / "best.pt").stat().st_mtime_ns
    for name in ("resume.pt", ".partial-0123456789abcdef.png", "claim.4.json", "diverged.txt"):
        (folder / name).write_text("")
        assert has_leftovers(folder)
        assert execute(config, beat=0.1, patience=0.5) == (row, True)
        assert files(folder) == whole
    (folder / "neighbours.png").unlink()
    assert execute(config) == (row, True)
    assert files(folder) == whole
    assert (folder / "best.pt").stat().st_mtime_ns == before


def test_without_pictures_none_is_drawn_and_none_is_missing(finished):
    config, row, folder = finished
    (folder / "neighbours.png").unlink()
    assert has_leftovers(folder)
    assert not has_leftovers(folder, pictures=False)
    assert execute({**config, "pictures": False}) == (row, True)
    assert not (folder / "neighbours.png").exists()
    assert execute(config) == (row, True)
    assert (folder / "neighbours.png").is_file()


def test_a_living_process_is_left_to_end_the_run_itself(finished):
    config, row, folder = finished
    (folder / "claim.4.json").write_text(json.dumps({"host": "elsewhere", "pid": 7}))
    waits = []

    def on_wait(sentence):
        waits.append(sentence)
        (folder / "claim.4.json").unlink()

    assert execute(config, on_wait=on_wait, patience=600) == (row, True)
    assert len(waits) == 1
