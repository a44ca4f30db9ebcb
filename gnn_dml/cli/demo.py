"""`gnn-dml demo`: the study `demo`, with a word before and after."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gnn_dml.cli.ablate import report

_BEFORE = """\
Retrieve the same emoji drawn by other artists. Every row trains the same small CNN from scratch for the same number of
batches; what differs is the graph over which each mini-batch exchanges messages. Recall@1 is measured on classes never
seen in training, the best epoch is chosen on other classes held out for that.
"""
_AFTER = """
The refiner learned at {rate:g} x the CNN's rate; docs/refiner_rate.md says how that was chosen. At the full rate, near
the highest rate that the CNN bears, the graph decides whether training from scratch works at all. See it:
  {program} demo optimizer.lr=0.01 optimizer.refiner_rate=1.0
More seeds, with confidence intervals:
  {program} demo --seeds 0,1,2
"""


def run(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    from gnn_dml.config.compose import resolve

    print(_BEFORE)
    report("demo", arguments.seeds, arguments.overrides, arguments.config_dir)
    rate = resolve(arguments.overrides)["optimizer"]["refiner_rate"]
    program = sys.argv[0] if Path(sys.argv[0]).name == "gnn-dml" else "gnn-dml"
    print(_AFTER.format(rate=rate, program=program))
    return 0
