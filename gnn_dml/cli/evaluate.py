"""`gnn-dml evaluate`: a trained run measured again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gnn_dml.cli.execute import percent
from gnn_dml.errors import UserError


def run(arguments: argparse.Namespace) -> int:
    """Measure a checkpoint on a split and print both embeddings side by side."""
    path = Path(arguments.run)
    if not path.exists():
        raise UserError(f"there is no run or checkpoint {path}; runs are folders like runs/<study>/<run-id>")
    if arguments.last and not path.is_dir():
        raise UserError(f"--last goes with a run folder, and {path} is a file: name its last.pt instead")
    if arguments.last:
        path = path / "last.pt"
    from gnn_dml.engine.build import build_source
    from gnn_dml.engine.checkpoint import read_checkpoint
    from gnn_dml.engine.device import pick_device
    from gnn_dml.engine.evaluate import measure

    device = pick_device(arguments.device)
    checkpoint = read_checkpoint(path)
    source, transforms, _ = build_source(checkpoint.config)
    workers = checkpoint.config["workers"]
    _, measured = measure(checkpoint, source.split(arguments.split), transforms, device, workers=workers)
    if arguments.json:
        print(json.dumps({"epoch": checkpoint.epoch, "split": arguments.split, **measured}))
        return 0
    print(f"{path}, epoch {checkpoint.epoch}, {arguments.split} classes, in percent\n")
    print(f"{'':<12} {'backbone':>9} {'refined':>9} {'difference':>11}")
    for name, value in measured.items():
        branch, _, metric = name.partition("_")
        if branch == "backbone":
            print(_line(metric, value, measured[f"refined_{metric}"]))
    return 0


def _line(metric: str, backbone: float | None, refined: float | None) -> str:
    difference = "-" if backbone is None or refined is None else f"{100 * (refined - backbone):+.1f}"
    return f"{metric:<12} {percent(backbone):>9} {percent(refined):>9} {difference:>11}"
