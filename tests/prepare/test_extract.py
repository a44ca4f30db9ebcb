"""Archives that are whole, damaged, and made to do harm."""

import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gnn_dml.errors import UserError
from gnn_dml.prepare import extract

FILES = {"top/a.txt": b"a" * 1000, "top/deep/er/b.bin": bytes(range(256)) * 300, "beside.txt": b"not wanted"}
LIMIT = 10**9


def tar(path, entries, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                for key, value in content.items():
                    setattr(info, key, value)
                archive.addfile(info)
    return path


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            if not isinstance(content, bytes):
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                content = content["linkname"].encode()
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def both(tmp_path, entries):
    yield tar(tmp_path / "x.tgz", entries)
    yield zipped(tmp_path / "x.zip", entries)


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_the_folder_comes_out_and_nothing_else(tmp_path, mode):
    path = tmp_path / "archive"
    archive = zipped(path, FILES.items()) if mode == "zip" else tar(path, FILES.items(), mode)
    extract(archive, "top", tmp_path / "out", limit=LIMIT)
    assert contents(tmp_path / "out") == {name[4:]: content for name, content in FILES.items() if name[:4] == "top/"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive", "out"]


def test_names_may_begin_with_a_dot_and_hold_folders(tmp_path):
    archive = tar(
        tmp_path / "x.tar",
        [("./top", {"type": tarfile.DIRTYPE}), ("./top/empty", {"type": tarfile.DIRTYPE}), ("./top/a", b"1")],
        "w",
    )
    extract(archive, "top", tmp_path / "out", limit=LIMIT)
    assert (tmp_path / "out" / "empty").is_dir()
    assert (tmp_path / "out" / "a").read_bytes() == b"1"


@pytest.mark.parametrize(
    "name",
    ["../evil", "top/../../evil", "/evil", "top/a/../../../evil", "..\\evil", "C:\\evil", "top\\..\\..\\evil"],
)
def test_no_path_leaves_the_folder(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    for archive in both(tmp_path, [("top/a", b"1"), (name, b"evil")]):
        with pytest.raises(UserError, match=r"is not safe: its entry .*evil' would leave the folder; nothing was kept"):
            extract(archive, "top", inside / "out", limit=LIMIT)
    assert not list(inside.iterdir())
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_no_links_and_no_devices(tmp_path, kind):
    entry = ("top/link", {"type": kind, "linkname": "/etc/passwd"})
    with pytest.raises(UserError, match=r"its entry 'top/link' is a link or device"):
        extract(tar(tmp_path / "x.tar", [entry], "w"), "top", tmp_path / "out", limit=LIMIT)
    with pytest.raises(UserError, match=r"its entry 'top/link' is a link or device"):
        extract(zipped(tmp_path / "x.zip", [entry]), "top", tmp_path / "out", limit=LIMIT)
    assert not (tmp_path / "out").exists()


def test_sizes_are_bounded(tmp_path):
    """Ten megabytes of zeros pack into ten kilobytes."""
    for archive in both(tmp_path, [("top/zeros", bytes(10**7))]):
        assert archive.stat().st_size < 10**5
        with pytest.raises(UserError, match="holds more than 9999999 bytes"):
            extract(archive, "top", tmp_path / "out", limit=10**7 - 1)
    assert not (tmp_path / "out").exists()
    assert extract(archive, "top", tmp_path / "out", limit=10**7).is_dir()


def test_an_entry_that_holds_more_than_it_says(tmp_path):
    """The declared size of a zip entry, written over."""
    archive = zipped(tmp_path / "x.zip", [("top/zeros", bytes(5000))])
    data = archive.read_bytes().replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little"))
    archive.write_bytes(data)
    with pytest.raises(UserError, match=r"not safe|damaged"):
        extract(archive, "top", tmp_path / "out", limit=LIMIT)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [lambda path: tar(path, FILES.items()), lambda path: zipped(path, FILES.items())])
def test_damage_is_one_sentence_and_leaves_nothing(tmp_path, make):
    whole = make(tmp_path / "archive").read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], whole[:-30]):
        (tmp_path / "archive").write_bytes(damaged)
        with pytest.raises(UserError, match=r"archive (is damaged|holds no folder)"):
            extract(tmp_path / "archive", "top", tmp_path / "out", limit=LIMIT)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["archive"]


@given(place=st.integers(0, 3000), noise=st.binary(min_size=1, max_size=40), kind=st.sampled_from(["tar", "zip"]))
@example(place=2809, noise=b"\0", kind="zip")  # an entry without a name
@settings(max_examples=25, deadline=None)
def test_whatever_is_written_over_an_archive(tmp_path_factory, place, noise, kind):
    """It comes out as it went in, or is refused with a UserError, and never half."""
    folder = tmp_path_factory.mktemp("noise")
    archive = (tar if kind == "tar" else zipped)(folder / "archive", FILES.items())
    data = bytearray(archive.read_bytes())
    place %= len(data)
    data[place : place + len(noise)] = noise
    archive.write_bytes(data)
    try:
        extract(archive, "top", folder / "out", limit=LIMIT)
    except UserError:
        assert sorted(p.name for p in folder.iterdir()) == ["archive"]
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            [("top/x", {"pax_headers": {"path": "top/a\0b"}})],
            r"its entry 'top/a\\x00b' has a name that no file can have",
        ),
        ([("top", b"a file")], "holds no folder top"),
        ([("top/a", b"1"), ("top/a/b", b"2")], "cannot write b: "),
        ([("top/a", b"1"), ("top/a", b"2")], "cannot write a: File exists"),
        ([("top/" + 300 * "x", b"1")], "cannot write x+: File name too long"),
    ],
    ids=["NUL", "a file for a folder", "a file as a folder", "twice", "long"],
)
def test_names_that_no_tree_can_have(tmp_path, entries, said):
    """And what is said does not depend on what an earlier call has left."""
    archive = tar(tmp_path / "x.tar", entries, "w")
    for _ in range(2):
        with pytest.raises(UserError, match=said):
            extract(archive, "top", tmp_path / "out", limit=LIMIT)
        assert [p.name for p in tmp_path.iterdir()] == ["x.tar"]


def test_another_archive_is_told(tmp_path):
    with pytest.raises(UserError, match="holds no folder else"):
        extract(tar(tmp_path / "x.tgz", FILES.items()), "else", tmp_path / "out", limit=LIMIT)


def test_killed_in_the_middle_nothing_is_taken_for_whole(tmp_path):
    archive = tar(tmp_path / "x.tar", [(f"top/{i:05}", os.urandom(20_000)) for i in range(1000)], "w")
    code = "import sys; from pathlib import Path; from gnn_dml.prepare import extract"
    call = "extract(Path(sys.argv[1]), 'top', Path(sys.argv[2]), limit=10**9)"
    process = subprocess.Popen([sys.executable, "-c", f"{code}; {call}", str(archive), str(tmp_path / "out")])
    partial = tmp_path / ".partial-out"
    deadline = time.monotonic() + 60
    while not partial.is_dir() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert partial.is_dir()
    assert not (tmp_path / "out").exists()
    extract(archive, "top", tmp_path / "out", limit=LIMIT)
    assert len(list((tmp_path / "out").iterdir())) == 1000
    assert not partial.exists()


FULL = """
import sys
from pathlib import Path
from gnn_dml.prepare import extract
from gnn_dml.errors import UserError
disk = Path(sys.argv[2])
(disk / "mine.txt").write_text("mine")
try:
    extract(Path(sys.argv[1]), "top", disk / "out", limit=10**9)
except UserError as error:
    print(error)
print(sorted(path.name for path in disk.iterdir()), (disk / "mine.txt").read_text())
"""


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path):
    """A file system of one megabyte; where none may be mounted, a limit on the size of files."""
    archive = tar(tmp_path / "x.tar", [("top/a", b"1" * 500_000), ("top/b", b"2" * 3_000_000)], "w")
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "full.py").write_text(FULL)
    inner = f"{sys.executable} {tmp_path / 'full.py'} {archive} {disk}"
    command = ["unshare", "-rm", "sh", "-c", f"mount -t tmpfs -o size=1m none {disk} && {inner}"]
    if shutil.which("unshare") is None or subprocess.run([*command[:3], "-c", "true"], capture_output=True).returncode:
        command = ["sh", "-c", f"trap '' XFSZ; ulimit -f 2000; {inner}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "cannot write b: " in done.stdout, done.stderr
    assert "['mine.txt'] mine" in done.stdout
