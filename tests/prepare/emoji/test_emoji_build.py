import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from gnn_dml.errors import UserError
from gnn_dml.prepare.emoji import build, read_index, verify
from gnn_dml.prepare.emoji.archive import Row
from gnn_dml.prepare.emoji.fetch import fetch
from gnn_dml.prepare.emoji.recipe import EMBEDDED, FULL, Recipe
from gnn_dml.prepare.emoji.sources import Source
from gnn_dml.prepare.emoji.tarball import read_members


def built(tmp_path: Path, recipe: Recipe, name: str = "out.zip", size: int = 16) -> list[Row]:
    build(tmp_path / name, recipe=recipe, cache=tmp_path / "cache", size=size, progress=False)
    return read_index(tmp_path / name)


def test_two_builds_give_the_same_bytes(tmp_path: Path, recipe: Recipe) -> None:
    built(tmp_path, recipe, "a.zip")
    built(tmp_path, recipe, "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert verify(tmp_path / "a.zip") == []


def test_the_report_counts_what_the_file_holds(tmp_path: Path, recipe: Recipe) -> None:
    report = build(tmp_path / "a.zip", recipe=recipe, cache=tmp_path / "cache", size=16, progress=False)
    rows = read_index(tmp_path / "a.zip")
    assert report.images == Counter(row.split for row in rows)
    assert report.classes == Counter(side for _, side in {(row.label, row.split) for row in rows})
    assert report.classes["train"] > 0


def test_siblings_are_on_one_side_and_skin_tones_are_left_out(tmp_path: Path, recipe: Recipe) -> None:
    rows = built(tmp_path, recipe)
    assert {row.split for row in rows} == {"train", "val", "test"}
    assert len({row.subgroup for row in rows}) == len({(row.subgroup, row.split) for row in rows})
    assert not any("1f3f" in row.codepoints or "skin" in row.class_name for row in rows)
    assert Counter(row.vendor for row in rows) == dict.fromkeys(("v0", "v1", "v2"), len(rows) // 3)


def test_the_zip_is_stored_with_fixed_dates_and_rights(tmp_path: Path, recipe: Recipe) -> None:
    rows = built(tmp_path, recipe)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos] == sorted(["LICENSES.md", "index.csv", *(row.path for row in rows)])
    assert {(info.date_time, info.compress_type, info.external_attr >> 16) for info in infos} == {
        ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 0o100644)
    }


def with_members(tmp_path: Path, recipe: Recipe, vendor: int, icons: dict[str, object]) -> Recipe:
    """The recipe with the icon set of one vendor replaced."""
    source = recipe.sources[vendor]
    path = tmp_path / "cache" / source.tarball
    pack(path, icons)
    changed = replace(source, sha256=sha256(path.read_bytes()).hexdigest())
    return replace(recipe, sources=(*recipe.sources[:vendor], changed, *recipe.sources[vendor + 1 :]))


def pack(path: Path, icons: dict[str, object]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        data = json.dumps(icons).encode()
        info = tarfile.TarInfo("package/icons.json")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))


def test_a_drawing_that_a_vendor_uses_for_two_emoji_is_left_out(tmp_path: Path, recipe: Recipe) -> None:
    recipe = replace(recipe, min_drawings=2, wanted=None)
    members = read_members(tmp_path / "cache" / recipe.sources[1].tarball, ("package/icons.json",))
    icons = json.loads(members["package/icons.json"])
    icons["icons"]["thing-1"] = icons["icons"]["thing-0"]
    rows = built(tmp_path, with_members(tmp_path, recipe, 1, icons))
    for number in range(3):
        vendors = [row.vendor for row in rows if row.class_name == f"thing {number}"]
        assert vendors == (["v0", "v2"] if number < 2 else ["v0", "v1", "v2"])


def test_an_emoji_drawn_too_seldom_is_no_class(tmp_path: Path, recipe: Recipe) -> None:
    members = read_members(tmp_path / "cache" / recipe.sources[1].tarball, ("package/icons.json",))
    icons = json.loads(members["package/icons.json"])
    del icons["icons"]["thing-4"]
    rows = built(tmp_path, with_members(tmp_path, replace(recipe, wanted=None), 1, icons))
    assert {row.class_name for row in rows} == {f"thing {i}" for i in range(36)} - {"thing 4"}
    assert sorted({row.label for row in rows}) == list(range(35))


def test_the_full_file_says_that_it_is_share_alike_and_keeps_the_sides(tmp_path: Path, recipe: Recipe) -> None:
    recipe = replace(recipe, wanted={"train": 15, "val": 0, "test": 15})
    full = replace(recipe, sources=(*recipe.sources, share_alike(tmp_path)), wanted=None, agree_with=recipe)
    rows, few = built(tmp_path, full, "full.zip"), built(tmp_path, recipe)
    sides = {row.codepoints: row.split for row in rows}
    assert len(sides) == 36 > len({row.label for row in few})
    assert {sides[row.codepoints] == row.split for row in few} == {True}
    with zipfile.ZipFile(tmp_path / "full.zip") as whole, zipfile.ZipFile(tmp_path / "out.zip") as part:
        assert "CC BY-SA 4.0): v3." in whole.read("LICENSES.md").decode()
        assert "share-alike" not in part.read("LICENSES.md").decode()


def share_alike(tmp_path: Path) -> Source:
    found = Source("@sets/v3", "1.0.0", "", "CC-BY-SA-4.0", "A", "https://a.example")
    return replace(found, sha256=sha256((tmp_path / "cache" / found.tarball).read_bytes()).hexdigest())


def test_the_recipes() -> None:
    assert not any(source.share_alike or source.vendor == "fluent-emoji" for source in EMBEDDED.sources)
    assert len(EMBEDDED.sources) == 8
    assert [source.vendor for source in FULL.sources if source.share_alike] == ["openmoji", "emojione-v1"]
    assert len(FULL.sources) == 11
    assert len({source.sha256 for source in (*FULL.sources, FULL.names)}) == 12


@pytest.mark.parametrize("size", [0, 15, 513])
def test_a_size_out_of_range_is_refused(tmp_path: Path, recipe: Recipe, size: int) -> None:
    with pytest.raises(UserError, match=f"is {size}; allowed are 16 to 512"):
        built(tmp_path, recipe, size=size)


def test_no_classes_left_is_refused(tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(UserError, match="often enough"):
        built(tmp_path, replace(recipe, min_drawings=4))


def test_a_folder_as_output_is_refused(tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(UserError, match="is a folder"):
        build(tmp_path, recipe=recipe, cache=tmp_path / "cache")


def test_a_changed_tarball_is_refused_and_the_old_file_stays(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "out.zip").write_text("old")
    with (tmp_path / "cache" / recipe.sources[1].tarball).open("ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match=r"sets-v1-1.0.0.tgz has the sha256 \w+, and @sets/v1@1.0.0 has"):
        built(tmp_path, recipe)
    assert (tmp_path / "out.zip").read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_broken_tarball_is_a_clear_error(tmp_path: Path, recipe: Recipe, content: bytes | None) -> None:
    path = tmp_path / "cache" / recipe.sources[0].tarball
    path.write_bytes(path.read_bytes()[:400] if content is None else content)
    with pytest.raises(UserError, match=r"is no readable npm tarball|lacks package/icons\.json"):
        read_members(path, ("package/icons.json",))


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path, recipe: Recipe) -> None:
    out = tmp_path / "out" / "emoji.zip"
    out.parent.mkdir()
    out.write_text("old")
    members = read_members(tmp_path / "cache" / recipe.sources[1].tarball, ("package/icons.json",))
    icons = json.loads(members["package/icons.json"])
    icons["icons"]["thing-30"] = {"body": "<rect"}
    broken = with_members(tmp_path, recipe, 1, icons)
    with pytest.raises(UserError, match="cannot draw"):
        build(out, recipe=broken, cache=tmp_path / "cache", size=16, progress=False)
    assert [(path.name, path.read_text()) for path in out.parent.iterdir()] == [("emoji.zip", "old")]


def test_without_npm_the_error_says_so(tmp_path: Path) -> None:
    code = (
        "import sys; from gnn_dml.errors import UserError; from gnn_dml.prepare.emoji import build\n"
        "try: build(sys.argv[1], cache=sys.argv[2])\n"
        "except UserError as error: print(error)\n"
        "assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "out.zip"), str(tmp_path / "empty")]
    done = subprocess.run(command, env=os.environ | {"PATH": ""}, capture_output=True, text=True, check=True)
    assert done.stdout == "fetching emoji.json@16.0.0 needs npm (Node.js) on the PATH, and it is not there\n"
    assert not (tmp_path / "out.zip").exists()


def npm_that(tmp_path: Path, does: str) -> dict[str, str]:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{does}\n")
    (folder / "npm").chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for npm")
@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("echo no network >&2; exit 7", r"`npm pack @a/b@1.0.0` failed with exit code 7: no network"),
        ("exit 0", "exit code 0: it wrote no tarball"),
        ("echo other > a-b-1.0.0.tgz", "is not the one that this version knows"),
    ],
)
def test_what_npm_does_wrong_is_told_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, said: str
) -> None:
    monkeypatch.setenv("PATH", npm_that(tmp_path, does)["PATH"])
    with pytest.raises(UserError, match=said):
        fetch(Source("@a/b", "1.0.0", "0" * 64, "MIT", "A", "u"), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for npm")
def test_a_fetched_tarball_is_kept_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", npm_that(tmp_path, 'printf "%s" "$2" > a-b-1.0.0.tgz')["PATH"])
    source = Source("@a/b", "1.0.0", sha256(b"@a/b@1.0.0").hexdigest(), "MIT", "A", "u")
    path = fetch(source, tmp_path / "cache")
    monkeypatch.setenv("PATH", "")
    assert fetch(source, tmp_path / "cache") == path
    assert list((tmp_path / "cache").iterdir()) == [path]
