"""`gnn-dml status`: how a study stands, from any shell that sees its folder."""

from __future__ import annotations

import argparse

from gnn_dml.cli.overview import page
from gnn_dml.errors import UserError
from gnn_dml.experiments.status import StatusReader, study_folder


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    out = "runs"
    for setting in arguments.overrides:
        name, _, value = setting.partition("=")
        if name != "out" or not value:
            raise UserError(f"{setting}: status takes out=FOLDER alone, the folder that holds the study's")
        out = value
    print(page(StatusReader(study_folder(arguments.study, out)).read()))
    return 0
