"""`gnn-dml embed`: the embeddings of a split, in a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gnn_dml.cli.models import described, device_of, parted, read_members
from gnn_dml.cli.output import check_output
from gnn_dml.errors import UserError

if TYPE_CHECKING:
    from gnn_dml.data.images import ImageSplit
    from gnn_dml.evaluation.embed import Embeddings
    from gnn_dml.evaluation.embedding_table import EmbeddingTable
    from gnn_dml.experiments.trained import Trained


def run(arguments: argparse.Namespace) -> int:
    """Embed and write."""
    runs, settings = parted(arguments.targets)
    out = check_output("--out", Path(arguments.out), (".parquet", ".npz"), replace=arguments.force)
    if not runs:
        raise UserError(f"which run? write for instance: gnn-dml embed runs/<study>/<run-id> --out {out}")
    members = read_members(arguments, runs, settings)
    from gnn_dml.evaluation.embedding_table import write_embeddings
    from gnn_dml.experiments.ensemble import check_refined, embed_together, together

    if arguments.refined:
        check_refined(members)
    device = device_of(arguments, members)
    split, embedded = embed_together(
        members, arguments.split, device, refine=arguments.refined, workers=arguments.workers
    )
    table = _table(arguments, members, split, together(embedded))
    write_embeddings(out, table)
    print("\n".join(described(member, refined=arguments.refined) for member in members))
    print(f"written: {out} ({len(table)} {arguments.split} images, {table.vectors.shape[1]} channels)")
    print(f"  measure it: gnn-dml evaluate --embeddings {out}")
    return 0


def _table(
    arguments: argparse.Namespace, members: list[Trained], split: ImageSplit, embedded: Embeddings
) -> EmbeddingTable:
    """One of the two embeddings, with what the figures of `gnn-dml evaluate` depend on."""
    from gnn_dml.evaluation.embedding_table import EmbeddingTable, unique_names

    x = embedded.refined if arguments.refined else embedded.backbone
    assert x is not None
    names = unique_names(split.class_names)
    config = members[0].config
    return EmbeddingTable(
        x.numpy(),
        tuple(names[label] for label in split.labels.tolist()),
        split.image_names,
        None if split.query is None else split.query.numpy(),
        {
            "runs": [member.name for member in members],
            "embedding": "refined" if arguments.refined else "backbone",
            "split": arguments.split,
            "seed": config["seed"],
            "ks": list(config["protocol"]["ks"]),
        },
    )
