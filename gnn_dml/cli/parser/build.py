"""All commands under one program."""

from __future__ import annotations

import argparse

from gnn_dml import __version__
from gnn_dml.cli.parser import data, embeddings, evaluate, results, training, tune
from gnn_dml.cli.parser.common import examples


def build_parser() -> argparse.ArgumentParser:
    """All commands with their arguments, descriptions and examples."""
    parser = argparse.ArgumentParser(
        prog="gnn-dml",
        description="Deep metric learning with intra-batch graphs: train, compare and evaluate.",
        epilog=examples(
            ("gnn-dml demo", "everything below on the embedded emoji, in minutes"),
            ("gnn-dml train graph=knn graph.k=8 layer=gat seed=3", "one run"),
            ("gnn-dml ablate topology", "every topology, five seeds"),
            ("gnn-dml collect runs/topology", "its table and statistics again"),
            ("gnn-dml evaluate runs/single/RUN-ID", "a trained run again"),
            ("gnn-dml evaluate --embeddings mine.npy --labels mine.txt", "embeddings from elsewhere"),
            ("gnn-dml search runs/single/RUN-ID photo.jpg", "the test images nearest to a picture"),
        )
        + "\n'gnn-dml COMMAND --help' tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gnn-dml {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add in (
        training.add_demo,
        training.add_train,
        training.add_ablate,
        tune.add_tune,
        training.add_status,
        results.add_collect,
        evaluate.add_evaluate,
        embeddings.add_embed,
        embeddings.add_search,
        data.add_data,
    ):
        add(commands)
    return parser
