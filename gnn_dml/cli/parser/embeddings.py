"""Arguments of `embed` and `search`."""

from __future__ import annotations

from gnn_dml.cli.parser.common import Commands, add_command, add_rest, examples, whole_number
from gnn_dml.cli.parser.models import RUN, SETTINGS, add_model_arguments


def add_embed(commands: Commands) -> None:
    """`gnn-dml embed`."""
    long = (
        "Write the embeddings of a split to a file: path and label of every image, its L2-normalised vector, and its\n"
        "role where queries and gallery are apart. `gnn-dml evaluate --embeddings` measures such a file."
    )
    epilog = examples(
        ("gnn-dml embed runs/single/RUN-ID --out embeddings.parquet", "for pandas.read_parquet"),
        ("gnn-dml embed RUN --refined --split val --out val.npz", "for numpy.load: embeddings, labels, paths"),
        ("gnn-dml embed RUN --split all --out all.parquet", "every image that there is"),
        ("gnn-dml embed RUN-1 RUN-2 --out ensemble.parquet", "normalised embeddings side by side"),
        ("gnn-dml embed RUN --dataset folder dataset.root=my-images --out mine.parquet", "other images"),
        ("gnn-dml embed cnn.pth --dataset cub dataset.root=datasets/cub --out cub.parquet", "published weights"),
    )
    parser = add_command(commands, "embed", "write embeddings to a file", long, epilog + SETTINGS)
    add_rest(parser, "targets", "RUN | SETTING=VALUE", f"{RUN}; several are an ensemble; settings: see below")
    parser.add_argument("--out", metavar="FILE", required=True, help="a .parquet or .npz file")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.add_argument("--refined", action="store_true", help="the refined embedding instead of the backbone's")
    add_model_arguments(parser, several=True)


def add_search(commands: Commands) -> None:
    """`gnn-dml search`."""
    long = (
        "Find the images of a split (of the gallery, where there is one) that are nearest to some images, print and\n"
        "draw them. An image is a file, or the name of an image of the split, which does not find itself.\n"
        "Every call embeds the split anew: one call for many images costs hardly more than for one."
    )
    epilog = examples(
        ("gnn-dml search runs/single/RUN-ID photo.jpg", "the 8 nearest test images, drawn in search.png"),
        ("gnn-dml search RUN a.jpg b.png --k 20 --out found.png", "several images, more neighbours"),
        ("gnn-dml search RUN photo.jpg --refined", "by the refined embedding"),
        ("gnn-dml search RUN photo.jpg --split all", "among the training images too"),
        ("gnn-dml search RUN photo.jpg --embeddings all.npz", "in embeddings that are there already"),
        ("gnn-dml search RUN photo.jpg --dataset folder dataset.root=my-images", "among other images"),
    )
    parser = add_command(commands, "search", "the nearest test images of an image", long, epilog + SETTINGS)
    add_rest(parser, "targets", "RUN IMAGE | SETTING=VALUE", f"first {RUN}; then images; settings: see below")
    parser.add_argument("--k", type=whole_number(1), default=8, metavar="N", help="how many neighbours (default: 8)")
    parser.add_argument(
        "--out", metavar="FILE", default="search.png", help="the picture, replaced if there (default: search.png)"
    )
    parser.add_argument("--refined", action="store_true", help="by the refined embedding instead of the backbone's")
    parser.add_argument(
        "--embeddings", metavar="FILE", help="search in this file that `embed` wrote with the run, not in a split"
    )
    add_model_arguments(parser, several=True)
