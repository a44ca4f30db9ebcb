"""Arguments of `collect`."""

from __future__ import annotations

import argparse
import math

from gnn_dml.cli.parser.common import Commands, add_command, examples


def add_collect(commands: Commands) -> None:
    """`gnn-dml collect`."""
    long = (
        "Read finished runs from their folders: the table, each cell against the reference, and what the seeds can\n"
        "support. Of one study it rebuilds results.csv, cells.csv, differences.csv and the pictures there. Several\n"
        "studies, also of several machines, are merged if they belong together. Trains nothing."
    )
    epilog = examples(
        ("gnn-dml collect runs/topology", "rebuild the files of a study"),
        (
            "gnn-dml collect runs/topology --metric refined_map@r --margin 0.5",
            "one metric, equivalent within half a point",
        ),
        ("gnn-dml collect a/topology b/topology --out runs/merged", "the same study of two machines"),
        ("gnn-dml collect runs/topology --format latex > table.tex", "a table for a paper"),
        ("gnn-dml collect runs/topology --out table.md", "in Markdown, into a file"),
    )
    parser = add_command(commands, "collect", "collect and compare finished runs", long, epilog)
    parser.add_argument("runs", nargs="+", metavar="RUNS", help="folders of studies, of runs, or of several studies")
    parser.add_argument(
        "--out",
        metavar="FOLDER | FILE",
        help="a folder for results.csv, cells.csv, differences.csv and the pictures; or a file for the table, ending "
        "in .txt, .tex, .md or .csv (default: the folder of the study for the first; several are only printed)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "latex", "markdown", "csv"),
        help="of the table (default: as the file of --out ends, else text); other than text it is printed alone",
    )
    parser.add_argument(
        "--metric",
        action="append",
        metavar="COLUMN",
        help="compare this column of results.csv; several are corrected together (default: the study's, else Recall@1 "
        "and MAP@R of the refined and the backbone embedding)",
    )
    parser.add_argument(
        "--reference", metavar="CELL", help="compare with this cell (default: the study's, else complete)"
    )
    parser.add_argument(
        "--margin", type=_margin, metavar="POINTS", help="of equivalence (default: the study's, else 1 point)"
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        choices=("versions", "data", "protocol"),
        help="merge folders in spite of other versions of packages, other data or another protocol; rows of other data "
        "are never compared",
    )


def _margin(text: str) -> float:
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if not 0 < points < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of points above 0, not {text[:60]!r}")
    return points
