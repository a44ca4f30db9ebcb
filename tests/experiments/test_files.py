import json

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments.files import write_json, write_rows, write_text, write_whole


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def half(partial):
        partial.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(UserError, match=r"file\.txt.*disk full"):
        write_whole(path, half)
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file.txt"]


def test_folders_are_made_on_the_way(tmp_path):
    write_text(tmp_path / "a" / "b" / "file.txt", "text")
    assert (tmp_path / "a" / "b" / "file.txt").read_text() == "text"


def test_nan_never_reaches_a_result(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "result.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())
    write_json(tmp_path / "result.json", {"x": None})
    assert json.loads((tmp_path / "result.json").read_text()) == {"x": None}


def test_rows_become_csv(tmp_path):
    write_rows(tmp_path / "rows.csv", [{"a": 1, "b": "x,y"}, {"a": 2, "b": None}])
    assert (tmp_path / "rows.csv").read_text() == 'a,b\n1,"x,y"\n2,\n'
