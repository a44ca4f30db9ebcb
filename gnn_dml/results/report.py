"""Everything that the statistics of a study say: in words, in two CSVs beside results.csv, and in pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple

import pandas as pd

from gnn_dml.errors import UserError
from gnn_dml.results.by_class import FolderOf
from gnn_dml.results.cells import text
from gnn_dml.results.collect import is_all_of, read_study
from gnn_dml.results.files import locked, write_frame
from gnn_dml.results.names import metric_name
from gnn_dml.results.pairs import unlike_versions
from gnn_dml.results.sentences import count_verdicts, exact_limits, listed, points_of, power_limits
from gnn_dml.results.study_notes import StudyNotes, read_study_notes
from gnn_dml.results.summary import Summary, choose_metrics, summarise
from gnn_dml.text import show_name

WIDTH = 110
MARGIN = 1.0
"""Points, where neither the caller nor the study names another margin."""

MOST_DRAWN = 80
"""Cells; nobody reads a picture of more."""

CELLS, DIFFERENCES = "cells.csv", "differences.csv"


@dataclass(frozen=True)
class Report:
    """What was said and written.

    Attributes:
        text: To print.
        files: That stand there now, whether they changed or not.
        unwritten: A sentence for each that could not be written.
        summary: The frames behind it.
    """

    text: str
    files: tuple[Path, ...]
    unwritten: tuple[str, ...]
    summary: Summary


def write_report(
    folder: Path,
    frame: pd.DataFrame,
    *,
    reference: str | None = None,
    margin: float | None = None,
    metrics: Sequence[str] | None = None,
    question: str = "",
    mix_versions: bool = False,
) -> Report:
    """Compare the cells of a study with its reference; write `cells.csv`, `differences.csv` and a picture per metric.

    The files say what all runs in the folder say, as results.csv does; the words are of the rows that are given. What
    is not given is taken from `study.json` in the folder, as far as it can be understood.

    Args:
        folder: Of the study.
        frame: Its rows, as `collect` returns them.
        reference: Name of a cell; None is the study's, else `complete`, else the first cell.
        margin: Within which a difference counts as none, in points; None is the study's, else 1.
        metrics: Columns of numbers, the first of them in sentences; None is the study's, else Recall@1 and MAP@R of the
            refined and the backbone embedding.
        question: That the study answers; empty is the study's.
        mix_versions: Pair runs of other versions of packages too.

    Raises:
        UserError: When a reference, metric or margin that was given does not fit the rows, or a cell has a seed twice.
    """
    asked = complete_request(folder, frame, reference=reference, margin=margin, metrics=metrics)
    notes, given = asked.notes, {**asked.given, "mix_versions": mix_versions}
    summary = summarise(frame, **given, folder_of=folders_in([folder]))
    unwritten: list[str] = []
    files = _try(unwritten, lambda: _write_of_all(folder, frame, summary, given))
    files += draw(folder, summary, notes, unwritten)
    return Report(
        describe(summary, question=question or notes.question, said=asked.said), tuple(files), tuple(unwritten), summary
    )


class Request(NamedTuple):
    """What to compare: arguments of `summarise`, what the study says of itself, and sentences on what does not fit."""

    given: dict[str, Any]
    notes: StudyNotes
    said: list[str]


def complete_request(
    folder: Path, frame: pd.DataFrame, *, reference: str | None, margin: float | None, metrics: Sequence[str] | None
) -> Request:
    """Take what is not given from the study's own notes, as far as it fits its rows."""
    notes = read_study_notes(folder)
    said = list(notes.damaged)
    given = {
        "reference": reference if reference is not None else _known_cell(notes, frame, said),
        "margin": margin if margin is not None else notes.margin or MARGIN,
        "metrics": metrics or _known_metrics(notes, frame, said),
    }
    return Request(given, notes, said)


def folders_in(roots: Sequence[Path]) -> FolderOf:
    """Where the folders of runs are found, by run_id: in the first of some study folders that has it."""

    def find(run_id: str) -> Path | None:
        return next((root / run_id for root in roots if (root / run_id).is_dir()), None)

    return find


def write_tables(folder: Path, summary: Summary) -> list[Path]:
    """Write `cells.csv` and `differences.csv`, each only if it changes.

    Raises:
        UserError: When one cannot be written.
    """
    files = {folder / CELLS: summary.cells, folder / DIFFERENCES: summary.differences}
    for path, frame in files.items():
        write_frame(path, frame)
    return list(files)


def draw(folder: Path, summary: Summary, notes: StudyNotes, unwritten: list[str]) -> list[Path]:
    """Draw each metric: dots, and where the study is a grid of two settings a heat map.

    Args:
        folder: Of the pictures.
        summary: What to draw.
        notes: Of the study, for the settings of its grid.
        unwritten: Gets a sentence for each picture that could not be written.
    """
    if _cells(summary) > MOST_DRAWN:
        return []
    # Loaded late: matplotlib takes a second, and many only read the words.
    from gnn_dml.results.dots import plot_dots
    from gnn_dml.results.heat_map import find_grid, plot_heat_map

    files: list[Path] = []
    grid = find_grid(notes.factors) if len(summary.sections) == 1 else None
    for metric in summary.metrics:
        name = re.sub(r"[^\w@.-]", "_", metric)
        files += _try(unwritten, partial(_in_list, plot_dots, summary, metric, folder / f"dots-{name}.png"))
        if grid is not None:
            path = folder / f"heat-{name}.png"
            files += _try(unwritten, partial(_in_list, plot_heat_map, summary, metric, grid, path))
    return files


def _cells(summary: Summary) -> int:
    return sum(len(section.cells) for section in summary.sections)


def _in_list(write: Callable[..., Path], *arguments: Any) -> list[Path]:
    return [write(*arguments)]


def describe(summary: Summary, *, question: str = "", said: Sequence[str] = ()) -> str:
    """The report in words, in lines of at most 110 letters; nothing where nothing can be said.

    Args:
        summary: Of a study.
        question: That it answers.
        said: Sentences to put behind the others.
    """
    differences = summary.differences
    lines: list[str] = []
    several = differences[differences["n"] > 1]
    if len(several):
        main = several["metric"].iloc[0]
        lines += [f"* {row}." for row in several.loc[several["metric"] == main, "sentence"]]
        where = ["overrides", "dataset", "split", "data", "metric"]
        rest = several[several["metric"] != main].groupby(where, sort=False)
        lines += [f"* {count_verdicts(rows)}." for _, rows in rest]
        lines += [f"* {sentence}." for sentence in exact_limits(several)]
        lines += [f"* {sentence}." for sentence in power_limits(several[several["metric"] == main])]
        lines.append(f"* {_family(several, summary)}")
    lines += [f"* {sentence}." for sentence in [*_lacking(summary), *said]]
    if lines and question:
        lines.insert(0, show_name(question))
    return "\n".join(fill(show_name(line), WIDTH, subsequent_indent="  ") for line in lines)


def _family(several: pd.DataFrame, summary: Summary) -> str:
    together = sorted({int(count) for count in several["comparisons"]})
    count = " and ".join(str(number) for number in together)
    made = "comparison was" if together == [1] else "comparisons were"
    return (
        f"{count} {made} corrected together (cells x {', '.join(metric_name(name) for name in summary.metrics)}) by "
        f"Holm: the paired t-test (different) and two one-sided tests with a margin of {points_of(summary.margin)} "
        f"(equivalent). {DIFFERENCES} has all intervals, also over test classes, and the exact test."
    )


def _lacking(summary: Summary) -> list[str]:
    """What could not be compared."""
    said = []
    for section in summary.sections:
        lost = [f"{cell.name} ({cell.diverged} of {len(cell)})" for cell in section.cells if cell.diverged]
        if lost:
            said.append(f"Diverged runs are left out: {', '.join(lost)}")
        if section.reference is None:
            said.append(
                f"{', '.join(cell.name for cell in section.cells)}: no reference among them, nothing is compared"
            )
            continue
        unlike = [cell.name for cell in section.others if unlike_versions(cell, section.reference)]
        if unlike and not summary.mix_versions:
            said.append(
                f"{listed(unlike)}: seeds that ran with other versions of packages than {section.reference.name} are "
                "not compared (gnn-dml collect --allow versions compares them)"
            )
        missing = [metric for metric in summary.metrics if not section.reference.by_seed(metric)]
        if missing and len(section.cells) > 1:
            names = ", ".join(metric_name(metric) for metric in missing)
            said.append(f"{section.reference.name} has no {names}: the others are not compared in it")
    if _cells(summary) > MOST_DRAWN:
        said.append(f"{_cells(summary)} cells are not drawn; pictures have {MOST_DRAWN} at most")
    if summary.classless:
        said.append(
            f"{', '.join(summary.classless)}: runs without figures by class (classes.csv); how far other test classes "
            "would move them is not known"
        )
    return said


def _write_of_all(folder: Path, frame: pd.DataFrame, summary: Summary, given: dict[str, Any]) -> list[Path]:
    """The tables of all runs that are there now: another process may have ended one meanwhile."""
    with locked(folder):
        if not is_all_of(frame, folder):
            whole = read_study(folder)
            if set(text(whole, "run_id")) != set(text(frame, "run_id")):
                summary = summarise(whole, **given, folder_of=folders_in([folder]))
        return write_tables(folder, summary)


def _try(unwritten: list[str], write: Callable[[], list[Path]]) -> list[Path]:
    try:
        return write()
    except UserError as error:
        unwritten.append(str(error))
        return []


def _known_cell(notes: StudyNotes, frame: pd.DataFrame, said: list[str]) -> str | None:
    if notes.reference is None or notes.reference in set(text(frame, "cell")):
        return notes.reference
    said.append(f"The reference {notes.reference!r} of the study has no ended run yet: another cell stands for it")
    return None


def _known_metrics(notes: StudyNotes, frame: pd.DataFrame, said: list[str]) -> list[str] | None:
    known = []
    for metric in notes.metrics:
        try:
            choose_metrics(frame, [metric])
            known.append(metric)
        except UserError as error:
            said.append(f"The study asks for {metric!r}: {error}")
    return known or None
