import hashlib
import json
import sys

import pytest
import torch

from gnn_dml.errors import UserError
from gnn_dml.experiments.files import load_undamaged, save, write_json, write_rows, write_text, write_whole


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


FULL_DISK = """
import resource, sys
from pathlib import Path
import torch
from gnn_dml.errors import UserError
from gnn_dml.experiments.files import save
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    save(Path(sys.argv[1]), {"weights": torch.zeros(100_000)})
except UserError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no file size limit")
def test_a_full_disk_inside_torch_is_said_and_the_old_file_stays(processes, tmp_path):
    save(tmp_path / "best.pt", {"epoch": 1})
    old = (tmp_path / "best.pt").read_bytes()
    said = processes.run("-c", FULL_DISK, tmp_path / "best.pt").stdout
    assert said.startswith(f"cannot write {tmp_path / 'best.pt'}: ")
    assert "File too large" in said
    assert (tmp_path / "best.pt").read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


def test_who_may_not_write_any_more_does_not(tmp_path):
    """The right to write is looked at before the file is filled, and again before it gets its name."""
    path, left = tmp_path / "last.pt", [2]

    def confirm():
        left[0] -= 1
        if left[0] < 0:
            raise UserError("taken over")

    save(path, {"epoch": 1}, confirm=confirm)
    old = path.read_bytes()
    for rights in (0, 1):
        left[0] = rights
        with pytest.raises(UserError, match="taken over"):
            save(path, {"epoch": 2}, confirm=confirm)
        assert path.read_bytes() == old
    assert [item.name for item in tmp_path.iterdir()] == ["last.pt"]


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "resume.pt"
    digest = save(path, {"weights": torch.arange(1000.0)})
    content = path.read_bytes()
    assert digest == hashlib.sha256(content).hexdigest()
    assert torch.equal(load_undamaged(path)["weights"], torch.arange(1000.0))
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    with pytest.raises(ValueError, match="damaged"):
        load_undamaged(path)
