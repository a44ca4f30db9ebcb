"""Arguments of `evaluate`."""

from __future__ import annotations

import argparse

from gnn_dml.cli.parser.common import Commands, add_command, add_rest, examples, whole_number, whole_numbers
from gnn_dml.cli.parser.models import RUN, SETTINGS, add_model_arguments


def add_evaluate(commands: Commands) -> None:
    """`gnn-dml evaluate`."""
    long = (
        "Measure trained weights, or embeddings from elsewhere: Recall@K, MAP@R, R-precision, NMI, AMI, and what the\n"
        "space of the embeddings looks like; of the backbone embedding and of the refined one, from the same weights.\n"
        "Several runs are an ensemble: their normalised embeddings side by side. Changes nothing."
    )
    epilog = examples(
        ("gnn-dml evaluate runs/single/RUN-ID", "the chosen epoch, on the test classes"),
        ("gnn-dml evaluate runs/single/RUN-ID --split val --last", "the last epoch, on the validation classes"),
        ("gnn-dml evaluate runs/a/RUN-1 runs/a/RUN-2", "an ensemble"),
        ("gnn-dml evaluate RUN --dataset folder dataset.root=my-images", "other images than the run's"),
        ("gnn-dml evaluate RUN protocol.neighbourhood=reciprocal protocol.neighbours=6", "refined as published"),
        ("gnn-dml evaluate RUN graph=knn graph.k=5", "another graph at test time"),
        ("gnn-dml evaluate RUN --training-free", "beside query expansion, re-ranking and diffusion"),
        ("gnn-dml evaluate cnn.pth --refiner gnn.pth --dataset cub", "published weights"),
        ("gnn-dml evaluate packaged dataset=folder dataset.root=PHOTOS", "ImageNet features as they are, no training"),
        ("gnn-dml evaluate --embeddings mine.npy --labels mine.txt", "embeddings from elsewhere; no training here"),
        ("gnn-dml evaluate RUN --json", "for a program to read; --csv FILE for a table"),
    )
    parser = add_command(commands, "evaluate", "measure runs, weights or embeddings", long, epilog + SETTINGS)
    add_rest(parser, "targets", "RUN | SETTING=VALUE", f"{RUN}; several are an ensemble; settings: see below")
    _add_embeddings(parser)
    _add_training_free(parser)
    _add_metrics(parser)
    add_model_arguments(parser)


def _add_embeddings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--embeddings",
        metavar="FILE",
        help="in the place of runs: .npy (n, d) with --labels; .npz with the arrays embeddings and labels; .parquet "
        "with the columns label and vector, perhaps path, and perhaps role with query and gallery",
    )
    parser.add_argument("--labels", metavar="FILE", help=".npy, .csv with a column label, or .txt with a label a line")
    parser.add_argument(
        "--refined",
        action=argparse.BooleanOptionalAction,
        help="the refined embedding too (default: where there is a refiner)",
    )


def _add_training_free(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--training-free",
        action="store_true",
        help="what neighbours give without training, on the backbone's embedding: query expansion, k-reciprocal "
        "re-ranking, diffusion",
    )


def _add_metrics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ks", type=whole_numbers("1,10,100", 1), metavar="1,10,100", help="the K of Recall@K (default: the run's)"
    )
    parser.add_argument(
        "--metrics",
        dest="more",
        type=lambda text: text.split(","),
        default=[],
        metavar="mrr,precision@5",
        help="more of retrieval: mrr, precision@K, map, map@K and others (docs/evaluate.md)",
    )
    parser.add_argument(
        "--metric",
        choices=("cosine", "euclidean"),
        default="cosine",
        help="what near means for Recall, MAP@R and R-precision (default: cosine)",
    )
    parser.add_argument(
        "--restarts", type=whole_number(1), default=1, metavar="N", help="of k-means, for NMI and AMI (default: 1)"
    )
    parser.add_argument(
        "--kmeans-normalize",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="k-means of embeddings divided by their length, as published (default), or of them as they are",
    )
    parser.add_argument("--seed", type=whole_number(0, 2**32 - 1), metavar="N", help="of k-means (default: the run's)")
    parser.add_argument("--csv", metavar="FILE", help="write a row per embedding; an existing file is replaced")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
