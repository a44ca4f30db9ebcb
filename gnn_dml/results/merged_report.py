"""Collect and report runs at any time: of one study beside them, of several merged wherever one likes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd

from gnn_dml.errors import UserError
from gnn_dml.results.compare import cautions
from gnn_dml.results.files import locked, write_changed, write_frame
from gnn_dml.results.merge import collect_studies
from gnn_dml.results.paper import STYLES, paper_table
from gnn_dml.results.report import (
    MARGIN,
    WIDTH,
    Report,
    complete_request,
    describe,
    draw,
    folders_in,
    write_report,
    write_tables,
)
from gnn_dml.results.study_notes import StudyNotes
from gnn_dml.results.summary import summarise
from gnn_dml.results.table import table
from gnn_dml.text import show_name

FORMATS = ("text", *STYLES)
SUFFIXES = {".txt": "text", ".tex": "latex", ".md": "markdown", ".csv": "csv"}
"""Of files that a table is written to."""


def report_runs(
    paths: Sequence[Path],
    *,
    out: Path | None = None,
    style: str | None = None,
    allow: Iterable[str] = (),
    reference: str | None = None,
    margin: float | None = None,
    metrics: Sequence[str] | None = None,
) -> Report:
    """Collect runs, compare their cells, and write what is asked for.

    Args:
        paths: Folders of studies, of single runs, or of several studies; see `collect_studies`.
        out: A folder gets results.csv, cells.csv, differences.csv and the pictures; a file that ends in .txt, .tex, .md
            or .csv gets the table. None is the folder of the study, where it is one, else nothing is written.
        style: Of the table: "text", "latex", "markdown" or "csv"; None as the file of `out` ends, else "text".
        allow: What may differ between folders: "versions", "data", "protocol".
        reference: Name of a cell; see `write_report`.
        margin: Of equivalence, in points; see `write_report`.
        metrics: Columns of numbers; see `write_report`.

    Returns:
        The table in that style as its `text`, in "text" with what the statistics say.

    Raises:
        UserError: When runs do not belong together, something asked for is not there, or a file cannot be written.
    """
    allowed = set(allow)
    to_file = out is not None and out.suffix.lower() in SUFFIXES and not out.is_dir()
    shape = style or (SUFFIXES[out.suffix.lower()] if out is not None and to_file else "text")
    if shape not in FORMATS:
        raise UserError(f"there is no format {shape!r}; there are {', '.join(FORMATS)}")
    frame = collect_studies(paths, allow=allowed)
    roots = [Path(root) for root in frame.attrs["roots"]]
    said = [*frame.attrs["damaged"], *frame.attrs["notes"]]
    asked: dict[str, Any] = {"reference": reference, "margin": margin, "metrics": metrics}
    mix = "versions" in allowed
    whole = len(paths) == 1 and len(roots) == 1 and roots[0].resolve() == paths[0].resolve()
    if whole and out is None and shape == "text":
        report = write_report(roots[0], frame, **asked, mix_versions=mix)
        return _finish(report, frame, shape, None, [roots[0] / "results.csv"], said)
    notes = StudyNotes()
    if whole:
        asked, notes, more = complete_request(roots[0], frame, **asked)
        said += more
    asked["margin"] = MARGIN if asked["margin"] is None else asked["margin"]
    summary = summarise(frame, **asked, folder_of=folders_in(roots), mix_versions=mix)
    report = Report(describe(summary, question=notes.question), (), (), summary)
    if out is not None and not to_file:
        report = _write_folder(out, frame, report, notes)
    return _finish(report, frame, shape, out if to_file else None, [], said)


def _finish(
    report: Report, frame: pd.DataFrame, style: str, out: Path | None, first: list[Path], said: Sequence[str]
) -> Report:
    """The report with its text in the style that was asked for, written if there is a file for it."""
    if style == "text":
        more = [
            fill(show_name(f"* {one.rstrip('.')}."), WIDTH, subsequent_indent="  ") for one in [*cautions(frame), *said]
        ]
        text = "\n".join([table(frame), "", report.text, *more])
    else:
        text = paper_table(report.summary, style)
    if out is None:
        return replace(report, text=text, files=(*first, *report.files))
    write_changed(out, f"{text}\n".encode())
    return replace(report, text=text, files=(out,))


def _write_folder(out: Path, frame: pd.DataFrame, report: Report, notes: StudyNotes) -> Report:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error
    unwritten: list[str] = []
    with locked(out):
        write_frame(out / "results.csv", frame)
        files = [out / "results.csv", *write_tables(out, report.summary)]
    files += draw(out, report.summary, notes, unwritten)
    return replace(report, files=tuple(files), unwritten=tuple(unwritten))
