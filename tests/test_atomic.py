"""Files that are whole or not there: names, permissions, planted links, leftovers."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gnn_dml.atomic import sweep_partials, write_atomically

POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX file modes and links")


def test_parents_are_made_and_the_suffix_is_kept(tmp_path):
    seen = []

    def write(partial):
        seen.append(partial)
        partial.write_text("new")

    path = tmp_path / "a" / "b" / "rows.csv"
    assert write_atomically(path, write) == path
    assert path.read_text() == "new"
    assert re.fullmatch(r"\.partial-[0-9a-f]{16}\.csv", seen[0].name)
    assert [path.name for path in path.parent.iterdir()] == ["rows.csv"]


def test_two_writers_in_one_process_do_not_share_a_partial_file(tmp_path):
    """As two containers with equal process ids would."""
    path = tmp_path / "x.txt"

    def outer(partial):
        partial.write_text("outer")
        write_atomically(path, lambda inner: inner.write_text("inner"))
        assert path.read_text() == "inner"

    write_atomically(path, outer)
    assert path.read_text() == "outer"


@pytest.mark.parametrize("name", ["n" * 251 + ".csv", "a." + "s" * 253, "n" * 255])
def test_names_of_255_bytes(tmp_path, name):
    write_atomically(tmp_path / name, lambda partial: partial.write_text("x"))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_failing_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")

    def write(partial):
        partial.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


@POSIX
def test_the_permissions_are_those_of_an_ordinary_file(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from gnn_dml.atomic import write_atomically\n"
        "os.umask(0o027); write_atomically(Path(sys.argv[1]), lambda partial: partial.write_text('x'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], check=True, env=environment)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


@POSIX
def test_the_partial_file_is_new_and_no_link(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / f".partial-{os.getpid()}-x.txt").symlink_to(outside)
    (folder / "x.txt").symlink_to(outside)

    def write(partial):
        assert partial.stat().st_size == 0
        assert not partial.is_symlink()
        partial.write_text("new")

    write_atomically(folder / "x.txt", write)
    assert outside.read_text() == "precious"
    assert not (folder / "x.txt").is_symlink()


def test_old_leftovers_are_swept_and_nothing_else(tmp_path):
    old = time.time() - 2 * 86400
    names = {
        ".partial-0123456789abcdef.pt": False,
        ".partial-0123456789abcdef": False,
        ".partial-77-best.pt": False,  # as the last version named them
        ".partial-photos": True,  # a folder of that name is another's
        "best.pt": True,
    }
    for name in names:
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (old, old))
    (tmp_path / ".partial-fedcba9876543210.pt").write_text("still being written")
    folder = tmp_path / ".partial-5-folder"
    folder.mkdir()
    os.utime(folder, (old, old))
    sweep_partials(tmp_path)
    kept = {name for name, stays in names.items() if stays}
    assert {path.name for path in tmp_path.iterdir()} == {*kept, folder.name, ".partial-fedcba9876543210.pt"}
    sweep_partials(tmp_path / "there is no such folder")
