"""The tables in the data card, from the data file itself."""

from __future__ import annotations

from pathlib import Path

from gnn_dml.prepare.emoji.archive import Row, read_index
from gnn_dml.prepare.emoji.checksums import EMOJI_CONTENT_SHA256, EMOJI_SHA256
from gnn_dml.prepare.emoji.licences import source_table
from gnn_dml.prepare.emoji.recipe import EMBEDDED
from gnn_dml.prepare.emoji.split import SIDES

BEGIN = "<!-- tables: written by gnn_dml.prepare.emoji.card.fill -->"
END = "<!-- end of tables -->"


def render_tables(path: str | Path) -> str:
    """Splits, sets, subgroups and checksums of the embedded data file, in Markdown."""
    rows = read_index(path)
    parts = [
        _splits(rows),
        source_table(EMBEDDED.sources, rows),
        _subgroups(rows),
        f"- sha256 of the file: `{EMOJI_SHA256}`\n"
        f"- sha256 of index and decoded pixels, the same for every PNG encoder: `{EMOJI_CONTENT_SHA256}`",
    ]
    return "\n\n".join(parts)


def fill(card: str, path: str | Path) -> str:
    """The text of the card with the part between the two marks replaced by `render_tables(path)`."""
    before, _, rest = card.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{render_tables(path)}\n\n{END}{after}"


def _splits(rows: list[Row]) -> str:
    lines = ["| split | classes | images | subgroups | groups |", "|---|---|---|---|---|"]
    for name, chosen in [(side, [row for row in rows if row.split == side]) for side in SIDES] + [("all", rows)]:
        classes = {row.label for row in chosen}
        subgroups = {(row.group, row.subgroup) for row in chosen}
        groups = {row.group for row in chosen}
        lines.append(f"| {name} | {len(classes)} | {len(chosen)} | {len(subgroups)} | {len(groups)} |")
    return "\n".join(lines)


def _subgroups(rows: list[Row]) -> str:
    lines = ["| group | " + " | ".join(SIDES) + " |", "|---|---|---|---|"]
    for group in sorted({row.group for row in rows}):
        cells = []
        for side in SIDES:
            chosen = [row for row in rows if row.group == group and row.split == side]
            names = sorted({row.subgroup for row in chosen})
            sizes = {name: len({row.label for row in chosen if row.subgroup == name}) for name in names}
            cells.append(", ".join(f"{name} ({sizes[name]})" for name in names))
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
