import socket

import pytest

from gnn_dml.errors import UserError
from gnn_dml.prepare import walk as walking
from gnn_dml.prepare.look import exists, is_file, is_folder
from gnn_dml.prepare.walk import list_folder, walk


def write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def found(root, below=""):
    passed = {}
    names = sorted(one.name for one in walk(root, below, pass_over=lambda name, reason: passed.update({name: reason})))
    return names, passed


def test_every_file_once_for_each_way_to_it_and_where_it_truly_lies(tmp_path):
    root, other = tmp_path / "root", tmp_path / "other"
    write(root, "a/1", "a/deep/2", "3")
    write(other, "4", "in/5")
    (root / "linked").symlink_to(other)
    (root / "a" / "file").symlink_to(other / "4")
    names, passed = found(root)
    assert names == ["3", "a/1", "a/deep/2", "a/file", "linked/4", "linked/in/5"]
    assert passed == {}
    real = {one.name: one.real for one in walk(root)}
    assert real["a/file"] == real["linked/4"] == str(other.resolve() / "4")
    assert found(root, "a/deep")[0] == ["a/deep/2"]


def test_what_is_passed_over_has_a_reason(tmp_path, monkeypatch):
    write(tmp_path, "a/1", ".hidden", "a/.git/config", "a/__MACOSX/1", "b/c/2")
    (tmp_path / "nothing").symlink_to("nowhere")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "b" / "c" / "same").symlink_to(".")
    server = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)  # a socket's name is short
    server.bind("socket")
    names, passed = found(tmp_path)
    server.close()
    assert names == ["a/1", "b/c/2"]
    assert passed == {
        ".hidden": walking.HIDDEN,
        "a/.git": walking.HIDDEN,
        "a/__MACOSX": walking.LEFT_BEHIND,
        "nothing": walking.BROKEN,
        "self": walking.BROKEN,
        "socket": walking.SPECIAL,
        "a/up": walking.CIRCLE,
        "b/c/same": walking.CIRCLE,
    }


def test_a_link_to_the_root_is_a_circle_from_inside_a_folder_too(tmp_path):
    write(tmp_path, "a/1")
    (tmp_path / "loop").symlink_to(".")
    assert found(tmp_path, "loop") == ([], {"loop": walking.CIRCLE})


def test_a_link_to_a_folder_that_holds_the_root_is_a_circle(tmp_path):
    write(tmp_path, "root/a/1", "beside/2")
    (tmp_path / "root" / "a" / "out").symlink_to("../..")
    assert found(tmp_path / "root") == (["a/1"], {"a/out": walking.CIRCLE})
    assert found(tmp_path / "root", "a") == (["a/1"], {"a/out": walking.CIRCLE})
    (tmp_path / "root" / "b").symlink_to("..")
    assert found(tmp_path / "root", "b") == ([], {"b": walking.CIRCLE})


def test_folders_linked_crosswise_end(tmp_path):
    for level in range(30):
        (tmp_path / str(level)).mkdir()
        for name in ("left", "right"):
            (tmp_path / str(level) / name).symlink_to(tmp_path / str(level + 1))
    (tmp_path / "30").mkdir()
    with pytest.raises(UserError, match="reached in more than 100 ways through links"):
        found(tmp_path / "0")


def test_a_folder_that_cannot_be_listed_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot list the folder .*nowhere: No such file"):
        found(tmp_path / "nowhere")
    write(tmp_path, "file")
    with pytest.raises(UserError, match=r"cannot list the folder .*file: Not a directory"):
        list_folder(tmp_path / "file")
    deep = tmp_path
    for _ in range(30):  # each name is as long as a name may be, so the path is longer than a path may be
        deep = deep / ("d" * 255)
        try:
            deep.mkdir()
        except OSError:
            break
    with pytest.raises(UserError, match="cannot list the folder"):
        list_folder(deep / ("d" * 255))


def test_a_question_about_a_path_that_cannot_be_answered_is_a_sentence(tmp_path):
    assert not exists(tmp_path / "nothing")
    assert is_folder(tmp_path)
    assert not is_file(tmp_path)
    (tmp_path / "self").symlink_to("self")
    for name, said in (("n" * 300, "File name too long"), ("self", "levels of symbolic links")):
        with pytest.raises(UserError, match=f"cannot look at .*{said}"):
            exists(tmp_path / name)
    with pytest.raises(UserError, match="is no path"):
        is_file(tmp_path / "zero\0byte")
