"""What is made of runs that are done, and cannot be written, ends no study: it is said, and the exit code is not 0."""

import os

import pandas as pd
import pytest

from gnn_dml.cli.main import main
from gnn_dml.experiments import train

QUICK = ["graph=none", "protocol.epochs=0", "protocol.select_on=none"]


@pytest.fixture
def tables(tiny_settings, tmp_path):
    """A study of two cells, and the settings under which it takes a second."""
    study = tmp_path / "tables.yaml"
    study.write_text("cells:\n  1.10: []\n  Vögel 图片: [backbone.pool=max]\n")
    return ["ablate", str(study), *tiny_settings, *QUICK], tmp_path / "runs" / "tables"


def test_every_table_and_picture_that_something_else_holds_is_named_and_the_rest_is_there(tables, capsys):
    arguments, folder = tables
    held = ["results.csv", "recall.png"]
    for name in held:
        (folder / name).mkdir(parents=True)  # stands for a program that holds the file open
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    for name in held:
        assert f"cannot write {folder / name}" in shown.err
    assert shown.err.count("not written: ") == len(held)
    assert "Vögel 图片" in shown.out  # the table
    assert len(list(folder.glob("*/result.json"))) == 2
    assert (folder / "map.png").is_file()
    assert not list(folder.rglob(".partial*"))

    for name in held:
        (folder / name).rmdir()
    assert main([*arguments, "--jobs", "2"]) == 0  # all is done: no other process is started
    assert pd.read_csv(folder / "results.csv", dtype={"cell": str})["cell"].tolist() == ["1.10", "Vögel 图片"]


def test_a_picture_and_the_metrics_of_a_run_may_be_held_too(tiny_settings, tmp_path, monkeypatch):
    monkeypatch.setattr("gnn_dml.experiments.run.write_rows", _refuse)
    settings = [*tiny_settings, "graph=none", "study_name=caf\udce9", "protocol.epochs=1"]
    with pytest.warns(UserWarning, match=r"cannot write metrics\.csv"):
        frame = train(settings)
    assert frame["status"].tolist() == ["finished"]
    assert frame.attrs["unwritten"] == ["cannot write metrics.csv"]
    monkeypatch.undo()
    (folder,) = (tmp_path / "runs").glob("*/*/result.json")
    assert os.fsencode(folder.parent.parent.name) == b"caf\xe9"
    rows = pd.read_csv(folder.parent.parent / "results.csv")
    assert rows["study"].tolist() == [r"caf\xe9"]
    (folder.parent / "neighbours.png").mkdir()
    assert train([*settings, "pictures=true"]).attrs["reused"]


def _refuse(*arguments, **options):
    from gnn_dml.errors import UserError

    raise UserError("cannot write metrics.csv")
