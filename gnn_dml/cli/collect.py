"""`gnn-dml collect`: results.csv and the statistics, rebuilt from the folders of runs and merged."""

from __future__ import annotations

import argparse
import sys

from gnn_dml.text import typed_path


def run(arguments: argparse.Namespace) -> int:
    """Collect and report; the exit code."""
    from gnn_dml.results import report_runs

    report = report_runs(
        [typed_path(text) for text in arguments.runs],
        out=None if arguments.out is None else typed_path(arguments.out),
        style=arguments.format,
        allow=arguments.allow,
        reference=arguments.reference,
        margin=arguments.margin,
        metrics=arguments.metric,
    )
    print(report.text)
    # What is read by LaTeX or another program stands alone in the output.
    for path in report.files:
        print(f"written  {path}", file=sys.stdout if arguments.format in (None, "text") else sys.stderr)
    for sentence in report.unwritten:
        print(f"not written: {sentence}", file=sys.stderr)
    return 2 if report.unwritten else 0
