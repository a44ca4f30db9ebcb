"""Footnotes of a table on what its rows were measured on: images, machines, and the choice of the epoch."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from gnn_dml.results.cells import Cell, text

MACHINES = {
    "device": "devices",
    "threads": "numbers of threads",
    "torch": "versions of torch",
    "version": "versions of gnn-dml",
    "versions": "versions of other packages",
}
"""Columns in which rows that stand together should be equal, and what they hold."""

SHOWN = 4


def data_notes(cells: Sequence[Cell]) -> list[str]:
    """Queries without an answer, images left out and files passed over; once for each set of images."""
    several = len({cell.setting[3] for cell in cells}) > 1
    notes = []
    for cell in cells:
        where = f"{cell.data}: " if several else ""
        notes += [f"{where}{said}." for said in _of_images(cell)]
    return list(dict.fromkeys(notes))


def _of_images(cell: Cell) -> Iterator[str]:
    for asked, answered in _once(cell, "test_queries", "test_answered"):
        if answered < asked:
            yield (
                f"Retrieval is over {answered} of {asked} queries: the other {asked - answered} have no image of their "
                "class to find"
            )
    for (skipped,) in _once(cell, "skipped_images"):
        if skipped:
            yield f"{skipped} images could not be read and were left out"
    for passed in dict.fromkeys(filter(None, cell.text("passed_over"))):
        yield f"Files left aside: {passed}"


def _once(cell: Cell, *columns: str) -> list[tuple[int, ...]]:
    """The whole numbers of its runs in some columns, each combination once, where all are there."""
    rows = dict.fromkeys(zip(*(cell.numbers(name) for name in columns), strict=True))
    return [tuple(int(value) for value in row) for row in rows if not any(math.isnan(value) for value in row)]


def failed_notes(frame: pd.DataFrame) -> list[str]:
    """Runs that ended in an error, which no figure counts.

    Args:
        frame: Rows as `collect` returns them.
    """
    failed = frame[text(frame, "status") == "failed"]
    if failed.empty:
        return []
    runs = [f"{cell} seed {seed}" for cell, seed in zip(text(failed, "cell"), failed["seed"], strict=True)]
    named = ", ".join(runs[:SHOWN]) + (f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else "")
    first = text(failed, "error").iloc[0] or "no word of it"
    return [f"Ended in an error and left out: {named}. The first: {first}"]


def machine_notes(cells: Sequence[Cell]) -> list[str]:
    """Rows that stand together and come from unlike machines or versions."""
    notes = []
    for column, what in MACHINES.items():
        found = sorted({value for cell in cells for value in cell.text(column) if value})
        if len(found) > 1:
            named = "; ".join(found[:SHOWN]) + (f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
            notes.append(f"The rows are of several {what} ({named}): figures may differ for that alone.")
    for cell in cells:
        if len(set(cell.text("code"))) > 1:
            notes.append(f"{cell.name}: its seeds ran with different code of classes from outside the package.")
    return notes


def shared_notes(cells: Sequence[Cell]) -> list[str]:
    """What keeps the choice of the epoch or the test from meaning something, and in which cells."""
    runs = sum(len(cell) for cell in cells)
    notes = []
    for column in ("choice_note", "test_note"):
        for note in dict.fromkeys(note for cell in cells for note in cell.text(column) if note):
            having = [(cell, cell.text(column).count(note)) for cell in cells]
            where = "" if sum(count for _, count in having) == runs else f"{_named(having)}: "
            notes.append(f"{where}{note}." if where else f"{note[0].upper()}{note[1:]}.")
    return notes


def _named(having: Sequence[tuple[Cell, int]]) -> str:
    names = [
        cell.name + ("" if count == len(cell) else f" ({count} of {len(cell)} runs)") for cell, count in having if count
    ]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
