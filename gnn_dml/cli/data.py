"""`gnn-dml data`: list, build and verify data sets."""

from __future__ import annotations

import argparse
from pathlib import Path

from gnn_dml.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    """Do what `arguments.action` says."""
    if arguments.action == "list":
        print("emoji   the same emoji drawn by other vendors; embedded; card: datasets/emoji/README.md")
        return 0
    if arguments.name is None:
        raise UserError(f"which data set? write: gnn-dml data {arguments.action} emoji")
    return _prepare(arguments) if arguments.action == "prepare" else _verify(arguments)


def _prepare(arguments: argparse.Namespace) -> int:
    from gnn_dml.data.emoji import build

    if arguments.out is None:
        raise UserError("say where the file goes, for instance: gnn-dml data prepare emoji --out emoji.zip")
    out = Path(arguments.out)
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UserError(f"--out {out} must be a file in an existing folder")
    build(out, full=arguments.full, cache=None if arguments.cache is None else Path(arguments.cache))
    print(f"written: {out} ({out.stat().st_size / 1e6:.1f} MB); use it with dataset.root={out}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from gnn_dml.data.archive import embedded_emoji
    from gnn_dml.data.emoji import verify

    path = embedded_emoji() if arguments.file is None else Path(arguments.file)
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    found = verify(path)
    if found:
        raise UserError(f"{path}: {'; '.join(found[:5])}{f'; and {len(found) - 5} more' if len(found) > 5 else ''}")
    print(f"{path}: whole")
    return 0
