"""`gnn-dml demo`: the study `demo`, with a word before and after."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gnn_dml.cli.ablate import report

_BEFORE = """\
Retrieve the same emoji drawn by other artists. Every row trains the same small CNN from scratch for the same number of
batches; what differs is the graph over which each mini-batch exchanges messages. Three embeddings of the same weights
are tested, on classes never seen in training: the CNN's own (backbone); the same moved towards its nearest neighbours,
with nothing learned (expanded); and after message passing in the graph of its neighbours (refined). The best epoch, the
number of neighbours and the expansion are chosen on other classes, held out for that.
"""
_AFTER = """
docs/refiner.md says what makes a refiner learn and what its messages are worth beside the expanded embedding.
More seeds, with confidence intervals:
  {program} demo --seeds 0,1,2
With a retrieval loss on the refined branch:
  {program} demo loss=multi_similarity
"""


def run(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    print(_BEFORE)
    code = report("demo", arguments.seeds, arguments.overrides, arguments.config_dir)
    program = sys.argv[0] if Path(sys.argv[0]).name == "gnn-dml" else "gnn-dml"
    print(_AFTER.format(program=program))
    return code
