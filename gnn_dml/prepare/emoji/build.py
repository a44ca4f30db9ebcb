"""Building a data file from npm packages."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from gnn_dml.errors import UserError
from gnn_dml.prepare.emoji.archive import Row, write_archive
from gnn_dml.prepare.emoji.draw import draw, encode
from gnn_dml.prepare.emoji.fetch import default_cache, fetch
from gnn_dml.prepare.emoji.icons import Icon, load_icon_set
from gnn_dml.prepare.emoji.licences import licences
from gnn_dml.prepare.emoji.match import Emoji, match_set, name_table, unicode_emoji
from gnn_dml.prepare.emoji.recipe import EMBEDDED, FULL, SHARES, Recipe
from gnn_dml.prepare.emoji.split import SIDES, Subgroup, assign
from gnn_dml.prepare.emoji.tarball import read_members

SIZES = range(16, 513)

Drawings = dict[tuple[str, str], bytes]


@dataclass(frozen=True)
class Built:
    """What `build` wrote.

    Attributes:
        path: The file.
        sha256: Of the file.
        classes: Number of classes on every side.
        images: Number of images on every side.
    """

    path: Path
    sha256: str
    classes: dict[str, int]
    images: dict[str, int]


def build(
    out: str | Path,
    *,
    full: bool = False,
    size: int = 64,
    cache: str | Path | None = None,
    progress: bool = True,
    recipe: Recipe | None = None,
) -> Built:
    """Fetch the npm packages, draw the emoji, and write the data file.

    The same packages and the same versions of resvg-py and Pillow give the same bytes.

    Args:
        out: The zip to write; an existing file is replaced only once the new one is whole.
        full: All 11 vendors and every emoji with 4 drawings, instead of what the package embeds.
        size: Side of the images in pixels.
        cache: Folder for the npm tarballs; None is a folder in the user's cache.
        progress: Show a progress bar while drawing, if a person is watching.
        recipe: Something else than the embedded or the full file.

    Raises:
        UserError: If a package cannot be had or read, resvg-py is missing, `size` is out of range, no
            classes are left, or `out` cannot be written.
    """
    if size not in SIZES:
        raise UserError(f"the size of the images is {size}; allowed are {SIZES.start} to {SIZES.stop - 1} pixels")
    if Path(out).is_dir():
        raise UserError(f"{out} is a folder; give the path of the zip file to write")
    recipe = recipe or (FULL if full else EMBEDDED)
    folder = default_cache() if cache is None else Path(cache)
    emoji, icons = _matches(recipe, folder)
    drawings = _without_twins(_draw_all(icons, size, progress))
    classes = _classes(recipe, emoji, drawings)
    rows = _rows(classes, drawings)
    if not rows:
        raise UserError("no emoji is drawn often enough to make a class of this data file")
    images = {row.path: drawings[row.vendor, row.codepoints] for row in rows}
    write_archive(Path(out), rows, images, licences(recipe, rows, size))
    return Built(
        path=Path(out),
        sha256=hashlib.sha256(Path(out).read_bytes()).hexdigest(),
        classes={side: len({row.label for row in rows if row.split == side}) for side in SIDES},
        images={side: sum(row.split == side for row in rows) for side in SIDES},
    )


def _matches(recipe: Recipe, cache: Path) -> tuple[list[Emoji], dict[str, dict[str, Icon]]]:
    member = "package/emoji.json"
    listing = read_members(fetch(recipe.names, cache), (member,))[member]
    tarballs = [fetch(source, cache) for source in recipe.sources]
    try:
        emoji = unicode_emoji(json.loads(listing))
        sets = [load_icon_set(*pair) for pair in zip(recipe.sources, tarballs, strict=True)]
        naming = [icons for source, icons in zip(recipe.sources, sets, strict=True) if source.embedded]
        table = name_table(emoji, naming)
        return emoji, {icons.vendor: match_set(icons, emoji, table) for icons in sets}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"an npm package in {cache} is not laid out as expected: {error!r}") from error


def _draw_all(icons: Mapping[str, Mapping[str, Icon]], size: int, progress: bool) -> dict[tuple[str, str], _Drawn]:
    jobs = [(vendor, codes, icon) for vendor, found in icons.items() for codes, icon in sorted(found.items())]
    drawn = {}
    for vendor, codes, icon in tqdm(jobs, desc="drawing", unit="img", disable=None if progress else True):
        pixels = draw(icon, size)
        drawn[vendor, codes] = _Drawn(hashlib.sha256(pixels.tobytes()).digest(), encode(pixels))
    return drawn


@dataclass(frozen=True)
class _Drawn:
    pixels: bytes
    png: bytes


def _without_twins(drawn: Mapping[tuple[str, str], _Drawn]) -> Drawings:
    """Leave out what a vendor draws alike, pixel for pixel, for two emoji: its class cannot be told."""
    uses = Counter((vendor, item.pixels) for (vendor, _), item in drawn.items())
    return {key: item.png for key, item in drawn.items() if uses[key[0], item.pixels] == 1}


def _classes(recipe: Recipe, emoji: Sequence[Emoji], drawings: Drawings) -> list[tuple[Emoji, str]]:
    """The classes, by codepoints, each with its side."""
    counting = {source.vendor for source in recipe.sources if source.embedded}
    drawn = Counter(codes for vendor, codes in drawings if vendor in counting)
    sides = _sides(recipe, emoji, drawn)
    chosen = [item for item in emoji if drawn[item.codepoints] >= recipe.min_drawings]
    return [(item, sides[_subgroup(item)]) for item in chosen if _subgroup(item) in sides]


def _sides(recipe: Recipe, emoji: Sequence[Emoji], drawn: Counter[str]) -> dict[Subgroup, str]:
    sizes = Counter(_subgroup(item) for item in emoji if drawn[item.codepoints] >= recipe.min_drawings)
    fixed = _sides(recipe.agree_with, emoji, drawn) if recipe.agree_with else {}
    wanted = recipe.wanted or {side: round(share * sizes.total()) for side, share in SHARES.items()}
    return assign(sizes, wanted, fixed=fixed, keep_all=recipe.wanted is None)


def _subgroup(item: Emoji) -> Subgroup:
    return item.group, item.subgroup


def _rows(classes: Sequence[tuple[Emoji, str]], drawings: Drawings) -> list[Row]:
    vendors: dict[str, list[str]] = {}
    for vendor, codes in sorted(drawings):
        vendors.setdefault(codes, []).append(vendor)
    return [
        Row(
            f"images/{item.codepoints}/{vendor}.png",
            label,
            item.name,
            side,
            vendor,
            item.codepoints,
            item.group,
            item.subgroup,
        )
        for label, (item, side) in enumerate(classes)
        for vendor in vendors[item.codepoints]
    ]
