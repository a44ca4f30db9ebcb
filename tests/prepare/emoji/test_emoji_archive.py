import hashlib
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from gnn_dml.errors import UserError
from gnn_dml.prepare.emoji import EMOJI_SHA256, build, content_sha256, read_index, verify
from gnn_dml.prepare.emoji.archive import LICENCES
from gnn_dml.prepare.emoji.card import fill, render_tables
from gnn_dml.prepare.emoji.licences import EMBEDDED_TITLE
from gnn_dml.prepare.emoji.recipe import Recipe

FOLDER = Path(__file__).resolve().parents[3] / "datasets" / "emoji"
EMBEDDED = FOLDER / "emoji.zip"


def rewritten(source: Path, out: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of a zip with every member passed through `change`; None drops it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return out


def test_the_embedded_file_has_its_checksum() -> None:
    assert hashlib.sha256(EMBEDDED.read_bytes()).hexdigest() == EMOJI_SHA256
    assert EMBEDDED.stat().st_size <= 5_000_000


def test_the_embedded_classes_and_subgroups_are_on_one_side() -> None:
    rows = read_index(EMBEDDED)
    side = {row.label: row.split for row in rows}
    assert [list(side.values()).count(name) for name in ("train", "val", "test")] == [359, 89, 149]
    assert len({(row.label, row.split) for row in rows}) == len(side)
    assert len({(row.subgroup, row.split) for row in rows}) == len({row.subgroup for row in rows})
    assert {name: len({row.group for row in rows if row.split == name}) for name in ("train", "val", "test")} == {
        "train": 8,
        "val": 8,
        "test": 8,
    }


def test_the_embedded_index_is_consistent() -> None:
    rows = read_index(EMBEDDED)
    codepoints = sorted({row.codepoints for row in rows})
    assert [codepoints[row.label] for row in rows] == [row.codepoints for row in rows]
    assert [row.path for row in rows] == [f"images/{row.codepoints}/{row.vendor}.png" for row in rows]
    assert min(sum(row.label == label for row in rows) for label in range(0, len(codepoints), 25)) >= 7


def test_the_tables_of_the_card_are_those_of_the_file() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert render_tables(EMBEDDED) in card
    assert fill(card, EMBEDDED) == card


@pytest.fixture
def good(tmp_path: Path, recipe: Recipe) -> Path:
    build(tmp_path / "good.zip", recipe=recipe, cache=tmp_path / "cache", size=16, progress=False)
    return tmp_path / "good.zip"


def test_nothing_is_wrong_with_the_embedded_file_but_for_what_is_added_to_it(tmp_path: Path) -> None:
    """A comment in a copy of it; tests/test_package.py verifies the file itself."""
    shutil.copy(EMBEDDED, tmp_path / "other.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "a") as archive:
        archive.comment = b"changed"
    assert [EMOJI_SHA256 in said and said.endswith("are the same") for said in verify(tmp_path / "other.zip")] == [True]


def test_another_file_that_says_it_is_the_embedded_one_is_seen(tmp_path: Path, good: Path) -> None:
    title = EMBEDDED_TITLE.encode()
    changed = rewritten(good, tmp_path / "c.zip", lambda name, data: title if name == LICENCES else data)
    assert [EMOJI_SHA256 in said and said.endswith("are other") for said in verify(changed)] == [True]


def test_the_checksum_of_the_content_is_over_index_and_pixels_however_they_are_packed(
    tmp_path: Path, good: Path
) -> None:
    first, second = (row.path for row in read_index(good)[:2])
    with zipfile.ZipFile(good) as archive:
        packed = {name: archive.read(name) for name in (first, second)}
    exchanged = {first: packed[second], second: packed[first]}
    with Image.open(io.BytesIO(packed[first])) as image:
        image.save(again := io.BytesIO(), "PNG", compress_level=0)
    assert again.getvalue() != packed[first]
    same = rewritten(good, tmp_path / "a.zip", lambda name, data: again.getvalue() if name == first else data)
    other = rewritten(good, tmp_path / "b.zip", lambda name, data: exchanged.get(name, data))
    assert content_sha256(same) == content_sha256(good) != content_sha256(other)


def test_a_flipped_bit_is_seen(good: Path) -> None:
    row = read_index(good)[5]
    data = bytearray(good.read_bytes())
    with zipfile.ZipFile(good) as archive:
        info = archive.getinfo(row.path)
    data[info.header_offset + 30 + len(row.path) + 50] ^= 1
    good.write_bytes(data)
    assert [said.startswith(f"{row.path} cannot be read") for said in verify(good)] == [True]
    with pytest.raises(UserError, match="cannot be read"):
        content_sha256(good)


def test_missing_broken_and_unlisted_images_are_seen(tmp_path: Path, good: Path) -> None:
    first, second = (row.path for row in read_index(good)[:2])
    changes: dict[str, bytes | None] = {first: None, second: b"no image"}
    changed = rewritten(good, tmp_path / "changed.zip", lambda name, data: changes.get(name, data))
    with zipfile.ZipFile(changed, "a") as archive:
        archive.writestr("images/extra.png", b"")
    said = verify(changed)
    assert [line.split()[0] for line in said] == [first, second, "images/extra.png"]


def test_images_of_two_sizes_are_seen(tmp_path: Path, good: Path, recipe: Recipe) -> None:
    build(tmp_path / "large.zip", recipe=recipe, cache=tmp_path / "cache", size=32, progress=False)
    path = read_index(good)[0].path
    with zipfile.ZipFile(tmp_path / "large.zip") as archive:
        large = archive.read(path)
    changed = rewritten(good, tmp_path / "c.zip", lambda name, data: large if name == path else data)
    assert [said.startswith("the images have to be squares of one size") for said in verify(changed)] == [True]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [(1, "99", "every label"), (3, "OTHER SIDE", "subgroups on two sides"), (5, "1f999", "every label")],
)
def test_an_inconsistent_index_is_seen(tmp_path: Path, good: Path, column: int, value: str, said: str) -> None:
    def change(name: str, data: bytes) -> bytes:
        if name != "index.csv":
            return data
        lines = data.decode().splitlines()
        cells = lines[1].split(",")
        cells[column] = value.replace("OTHER SIDE", "train" if cells[3] != "train" else "test")
        return "\n".join([lines[0], ",".join(cells), *lines[2:], ""]).encode()

    assert any(said in line for line in verify(rewritten(good, tmp_path / "c.zip", change)))


@pytest.mark.parametrize(
    ("index", "said"),
    [(None, "no emoji data file"), (b"a,b\n", "columns of index.csv"), (b"HEAD\np,x,n,train,v,1,g,s\n", "line 2")],
)
def test_what_is_no_index_is_refused(tmp_path: Path, good: Path, index: bytes | None, said: str) -> None:
    def change(name: str, data: bytes) -> bytes | None:
        if name != "index.csv":
            return data
        return index and index.replace(b"HEAD", data.splitlines()[0])

    changed = rewritten(good, tmp_path / "c.zip", change)
    with pytest.raises(UserError, match=said):
        read_index(changed)
    assert len(verify(changed)) == 1


def test_no_file_and_no_zip_are_refused(tmp_path: Path, good: Path) -> None:
    (tmp_path / "text.zip").write_text("text")
    shutil.copy(good, tmp_path / "cut.zip")
    (tmp_path / "cut.zip").write_bytes(good.read_bytes()[:500])
    for name, said in [("none.zip", "there is no file"), ("text.zip", "no emoji data"), ("cut.zip", "no emoji data")]:
        assert [said in line for line in verify(tmp_path / name)] == [True]
