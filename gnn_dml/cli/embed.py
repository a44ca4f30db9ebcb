"""`gnn-dml embed`: the embeddings of a split, in a file."""

from __future__ import annotations

import argparse
import shlex

from gnn_dml.cli.models import images_and_device, load_named
from gnn_dml.cli.parser.models import split_targets
from gnn_dml.errors import UserError
from gnn_dml.experiments.output import check_output
from gnn_dml.text import typed_path


def run(arguments: argparse.Namespace) -> int:
    """Embed and write."""
    runs, settings = split_targets(arguments.targets)
    out = check_output("--out", typed_path(arguments.out), (".parquet", ".npz"), replace=arguments.force)
    if not runs:
        raise UserError(f"which run? write for instance: gnn-dml embed runs/<study>/<run-id> --out {out}")
    models = load_named(arguments, runs, settings)
    from gnn_dml.evaluation.embedding_files import write_embeddings
    from gnn_dml.experiments.embed_models import embed_models

    table = embed_models(models, **images_and_device(arguments))
    write_embeddings(out, table)
    print("\n".join(model.describe(refined=arguments.refined) for model in models))
    print(f"written: {out} ({len(table)} {arguments.split} images, {table.vectors.shape[1]} channels)")
    if "packaged" in runs and arguments.split == "test":
        print("  these are the test classes alone; --split all takes every image")
    print(f"  measure it: gnn-dml evaluate --embeddings {shlex.quote(str(out))}")
    return 0
