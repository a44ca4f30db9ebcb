"""`LICENSES.md` of a data file: whose drawings it holds, under which licence, and what was changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gnn_dml.prepare.emoji.archive import Row
from gnn_dml.prepare.emoji.recipe import EMBEDDED, Recipe
from gnn_dml.prepare.emoji.sources import Source

EMBEDDED_SIZE = 64
EMBEDDED_TITLE = "# Licences of the embedded emoji drawings"

LICENCE_URLS = {
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "MIT": "https://opensource.org/license/mit",
}
SHARE_ALIKE = (
    "This file holds drawings under a share-alike licence (CC BY-SA 4.0): {vendors}. Whoever passes on "
    "something made from them has to pass it on under that licence."
)


def licences(recipe: Recipe, rows: Sequence[Row], size: int) -> str:
    """The text of `LICENSES.md` for the images in `rows`."""
    embedded = recipe == EMBEDDED and size == EMBEDDED_SIZE
    sources = [*recipe.sources, recipe.names]
    shared = [source.vendor for source in recipe.sources if source.share_alike]
    parts = [
        EMBEDDED_TITLE if embedded else "# Licences of the emoji drawings in this file",
        "Each drawing stays under the licence of the set that it comes from. The last folder name of an image's "
        "path is the emoji, the file name is the set.",
        SHARE_ALIKE.format(vendors=", ".join(shared)) if shared else "",
        f"Changes: the vector drawings were rasterised to {size} x {size} pixels on white, drawings in the "
        "colour of the text in black, and reduced to at most 64 colours.",
        source_table(recipe.sources, rows),
        f"Names, groups and subgroups of the emoji: {recipe.names.package} {recipe.names.version} by "
        f"{recipe.names.author} ({recipe.names.licence}, {recipe.names.url}), from the data of the Unicode "
        "Consortium.",
        *(_full_text(licence) for licence in sorted({source.licence for source in sources})),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def source_table(sources: Sequence[Source], rows: Sequence[Row]) -> str:
    """A Markdown table of the sets, with the number of images each gives."""
    images = Counter(row.vendor for row in rows)
    lines = ["| set | npm package | images | author | licence | original project |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {source.vendor} | {source.package} {source.version} | {images[source.vendor]} | {source.author} | "
        f"[{source.licence}]({LICENCE_URLS[source.licence]}) | {source.url} |"
        for source in sources
    ]
    return "\n".join(lines)


def _full_text(licence: str) -> str:
    path = Path(__file__).parent / "texts" / f"{licence}.txt"
    if path.is_file():
        return f"## {licence}\n\n```text\n{path.read_text(encoding='utf-8').rstrip()}\n```"
    return f"## {licence}\n\nThe licence is at {LICENCE_URLS[licence]}."
