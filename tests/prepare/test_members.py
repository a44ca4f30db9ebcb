"""What comes out of an archive, entry by entry, before anybody asks whether it is safe."""

import gzip
import io
import tarfile
import zipfile

import pytest

from gnn_dml.errors import UserError
from gnn_dml.prepare.members import CHUNK, MOST_PADDING, iterate_members

SIZE = 20 * 2**20


def tar(path, mode, *entries):
    with tarfile.open(path, mode) as archive:
        for info, content in entries:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def entry(name, **values):
    info = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(info, key, value)
    return info


def whole(content):
    return None if content is None else b"".join(iter(lambda: content.read(CHUNK), b""))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_the_entries_of_a_tar_in_their_order(tmp_path, mode):
    long = "deep/" * 60 + "b.bin"  # does not fit the plain header
    archive = tar(
        tmp_path / "x",
        mode,
        (entry("top", type=tarfile.DIRTYPE), b""),
        (entry("top/a.txt"), b"a" * 700),
        (entry("link", type=tarfile.SYMTYPE, linkname="/etc"), b""),
        (entry(long), b"b" * 3 * 2**20),
    )
    found = [(m.name, m.size, m.kind, whole(m.content)) for m in iterate_members(archive)]
    assert found == [
        ("top", 0, "folder", None),
        ("top/a.txt", 700, "file", b"a" * 700),
        ("link", 0, "link or device", None),
        (long, 3 * 2**20, "file", b"b" * 3 * 2**20),
    ]


def test_the_entries_of_a_zip_in_their_order(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("top/", "")
        archive.writestr("top/a.txt", b"a" * 700)
    found = [(m.name, m.size, m.kind, whole(m.content)) for m in iterate_members(tmp_path / "x")]
    assert found == [("top/", 0, "folder", None), ("top/a.txt", 700, "file", b"a" * 700)]


PAX, GNU = entry("a", pax_headers={"comment": " " * SIZE}), entry("a" * SIZE)


@pytest.mark.parametrize(
    ("mode", "info"),
    [("w", PAX), ("w:gz", PAX), ("w:bz2", PAX), ("w:xz", PAX), ("w", GNU)],
    ids=["pax", "pax gz", "pax bz2", "pax xz", "gnu"],
)
def test_a_header_cannot_fill_the_memory(tmp_path, mode, info):
    """Headers are read whole, and 20 MB of them pack into some kilobytes."""
    with tarfile.open(
        tmp_path / "x", mode, format=tarfile.PAX_FORMAT if info.pax_headers else tarfile.GNU_FORMAT
    ) as made:
        made.addfile(info)
    with pytest.raises(UserError, match=r"x is damaged or no archive: a header of 209\d{5} bytes"):
        list(iterate_members(tmp_path / "x"))


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_the_checksum_behind_the_last_entry_is_read(tmp_path, mode):
    """The entries are whole; what is damaged stands behind them, where nothing else would look."""
    path = tar(tmp_path / "a.tar", mode, (entry("a/1"), b"x"))
    content = bytearray(path.read_bytes())
    assert len(list(iterate_members(path))) == 1
    content[-6] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged or no archive"):
        list(iterate_members(path))


def test_zeros_behind_the_last_entry_end(tmp_path):
    path = tmp_path / "a.tgz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.addfile(entry("a"))
        for _ in range(MOST_PADDING // CHUNK + 1):
            file.write(bytes(CHUNK))
    with pytest.raises(UserError, match=f"more than {MOST_PADDING} bytes behind its last entry"):
        list(iterate_members(path))
