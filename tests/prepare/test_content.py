"""The checksum of a data set's files: what counts, what does not, and that it says nothing about where."""

import hashlib
import os
import shutil

import pytest

from gnn_dml.errors import UserError
from gnn_dml.prepare.content import content_of
from gnn_dml.prepare.embedded import find_embedded
from gnn_dml.prepare.emoji.checksums import EMOJI_SHA256


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "root"
    for name, content in {
        "a/1.jpg": b"x" * 10,
        "a/2.JPEG": b"y" * 20,
        "b/deep/3.png": b"z" * 30,
        "list.txt": b"1 a/1.jpg",
        "notes.mat": b"numbers",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_it_is_the_checksum_of_sorted_names_sizes_and_lists(tree):
    """Written out by hand."""
    lists = {name: hashlib.sha256(text).hexdigest() for name, text in (("l", b"1 a/1.jpg"), ("n", b"numbers"))}
    lines = ["a/1.jpg\n10", "a/2.JPEG\n20", "b/deep/3.png\n30", f"list.txt\n{lists['l']}", f"notes.mat\n{lists['n']}"]
    assert content_of(tree) == hashlib.sha256("".join(f"{line}\0" for line in lines).encode()).hexdigest()


def test_it_is_the_same_in_another_place_and_spelling(tree, tmp_path, monkeypatch):
    expected = content_of(tree)
    shutil.copytree(tree, tmp_path / "elsewhere" / "copy")
    (tmp_path / "link").symlink_to(tree)
    monkeypatch.chdir(tree)
    (tmp_path / "made in another order").mkdir()
    for name in sorted((path.relative_to(tree) for path in tree.rglob("*.*")), reverse=True):
        path = tmp_path / "made in another order" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / name, path)
    for root in ("elsewhere/copy", "link", "root/../root", "made in another order"):
        assert content_of(tmp_path / root) == expected
    assert content_of(tree.__class__(".")) == expected


def remove(root):
    (root / "a" / "1.jpg").unlink()


def rename(root):
    (root / "a" / "1.jpg").rename(root / "a" / "4.jpg")


def move(root):
    (root / "a" / "1.jpg").rename(root / "b" / "1.jpg")


def resize(root):
    (root / "a" / "1.jpg").write_bytes(b"x" * 11)


def edit_list(root):
    (root / "list.txt").write_bytes(b"1 a/2.jpg")


@pytest.mark.parametrize("change", [remove, rename, move, resize, edit_list])
def test_what_counts(tree, change):
    before = content_of(tree)
    change(tree)
    assert content_of(tree) != before


def test_what_does_not_count(tree):
    before = content_of(tree)
    (tree / "archive.tgz").write_bytes(b"whole")
    (tree / "README.md").write_text("about")
    (tree / ".lock").touch()
    (tree / "a" / ".hidden.jpg").write_bytes(b"x")
    (tree / ".partial-a").mkdir()
    (tree / ".partial-a" / "9.jpg").write_bytes(b"x")
    (tree / "a" / "1.jpg").write_bytes(b"o" * 10)
    os.utime(tree / "a" / "2.JPEG", (0, 0))
    (tree / "broken.jpg").symlink_to("nowhere")
    (tree / "empty").mkdir()
    assert content_of(tree) == before


def test_a_list_above_64_mib_does_not_count(tree):
    before = content_of(tree)
    with (tree / "huge.txt").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    assert content_of(tree) == before


def test_links_are_followed_and_circles_end(tree, tmp_path):
    copied = tmp_path / "linked"
    copied.mkdir()
    for path in tree.iterdir():
        (copied / path.name).symlink_to(path)
    before = content_of(tree)
    assert content_of(copied) == before
    (tree / "a" / "up").symlink_to("..")
    (tree / "a" / "same").symlink_to(".")
    (tree / "self").symlink_to("self")
    assert content_of(tree) == before


def test_names_that_are_not_utf_8(tmp_path):
    found = set()
    for name in (b"\xff.jpg", b"\xfe.jpg", "\N{LATIN SMALL LETTER U WITH DIAERESIS}.jpg".encode()):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        try:
            (folder / os.fsdecode(name)).write_bytes(b"x")
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
        found.add(content_of(folder))
    assert len(found) == 3


@pytest.fixture
def table(tree):
    path = tree / "list.csv"
    path.write_text("path,label\na/1.jpg,x\nb/deep/3.png,y\n", encoding="utf-8")
    return path


def test_a_table_counts_with_the_images_that_it_lists(table, tree, tmp_path):
    before = content_of(table)
    shutil.move(tree, tmp_path / "moved")
    moved = tmp_path / "moved" / "list.csv"
    assert content_of(moved) == before
    (tmp_path / "lists").mkdir()
    shutil.copy(moved, tmp_path / "lists" / "other.name")
    assert content_of(tmp_path / "lists" / "other.name", tmp_path / "moved") == before
    (tmp_path / "moved" / "a" / "2.JPEG").unlink()
    assert content_of(moved) == before
    (tmp_path / "moved" / "a" / "1.jpg").write_bytes(b"x" * 9)
    resized = content_of(moved)
    (tmp_path / "moved" / "a" / "1.jpg").unlink()
    assert len({before, resized, content_of(moved)}) == 3
    moved.write_text("path,label\na/1.jpg,z\nb/deep/3.png,y\n", encoding="utf-8")
    assert content_of(moved) not in (before, resized)


def test_any_other_file_is_its_own_checksum(tmp_path):
    assert content_of(find_embedded("emoji", "emoji.zip")) == EMOJI_SHA256
    for content in (b"\xff\xfe not text", b"label,split\na,train\n", b""):
        (tmp_path / "list.csv").write_bytes(content)
        assert content_of(tmp_path / "list.csv") == hashlib.sha256(content).hexdigest()


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*nowhere"):
        content_of(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"emoji\.zip of nobody are missing"):
        find_embedded("nobody", "emoji.zip")
