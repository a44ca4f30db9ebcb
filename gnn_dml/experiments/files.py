"""The folder of a run: its name, its files, and writing them so that a crash leaves the old one or the new one."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.experiments.finished import checksum

Confirm = Callable[[], object]

MACHINE_KEYS = ("device", "workers", "out", "study_name", "cell", "overrides")
"""Settings that say where and under which name a run happens, and not what it computes."""


def run_id(config: Mapping[str, Any]) -> str:
    """A readable name that ends in a hash of the resolved configuration, seed included.

    Equal configurations have equal names, so the same cell is never run twice; `MACHINE_KEYS` do not count.
    """
    counted = _counted(config)
    digest = hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()[:10]
    choices = config["choices"]
    parts = [choices["backbone"], choices["graph"]]
    if choices["graph"] != "none":
        parts.append(choices["layer"])
    return "-".join([*parts, f"s{config['seed']}", digest])


def _counted(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration that a run looks at, so that idle settings make no difference to its name."""
    no_refiner, untrained = config["choices"]["graph"] == "none", config["protocol"]["epochs"] == 0
    idle = set(MACHINE_KEYS)
    if no_refiner:
        idle |= {"layer", "refiner", "drop_edge"}
    if untrained:
        idle |= {"loss", "optimizer", "drop_edge"}
    counted = {key: value for key, value in config.items() if key not in idle}
    dataset = dict(config["dataset"])
    # Where a cache lies changes nothing; that there is one does: training crops come from the resized image.
    dataset["cache"] = dataset.get("cache") is not None
    if not dataset["cache"]:
        dataset.pop("cache_side", None)
    counted["dataset"] = dataset
    counted["choices"] = {group: name for group, name in config["choices"].items() if group not in idle}
    if no_refiner and not untrained:
        counted["optimizer"] = {key: value for key, value in config["optimizer"].items() if key != "refiner_rate"}
    return counted


def write_whole(path: Path, write: Callable[[Path], object], *, confirm: Confirm | None = None) -> None:
    """Write a file of a run atomically.

    Args:
        path: The file.
        write: Called with a temporary path to fill.
        confirm: Called before writing and again before the file gets its name; it raises where this process may not
            write here any more, see `gnn_dml.experiments.claim.Claim.confirm`.

    Raises:
        UserError: If the file cannot be written; what stood there before still stands there.
    """

    def confirmed(partial: Path) -> None:
        write(partial)
        if confirm is not None:
            confirm()

    if confirm is not None:
        confirm()
    try:
        write_atomically(path, confirmed)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error}; choose another folder with out=FOLDER") from error


def write_text(path: Path, text: str, *, confirm: Confirm | None = None) -> None:
    """Write a text file atomically."""
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"), confirm=confirm)


def write_json(path: Path, row: Mapping[str, Any], *, confirm: Confirm | None = None) -> None:
    """Write one JSON object atomically; NaN is not allowed to reach the file."""
    write_text(path, json.dumps(row, indent=2, allow_nan=False) + "\n", confirm=confirm)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], *, confirm: Confirm | None = None) -> None:
    """Write dictionaries with equal keys as a CSV file, atomically."""
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_text(path, buffer.getvalue(), confirm=confirm)


def save(path: Path, state: Mapping[str, Any], *, confirm: Confirm | None = None) -> str:
    """Save tensors and plain values atomically.

    Returns:
        The SHA-256 of what was written.

    Raises:
        UserError: If the file cannot be written.
    """
    sums: list[str] = []

    def write(partial: Path) -> None:
        try:
            with partial.open("wb") as file:
                torch.save(dict(state), file)
        except RuntimeError as error:
            # torch hides why it could not write, for instance that the disk is full.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
        sums.append(checksum(partial))

    write_whole(path, write, confirm=confirm)
    return sums[0]


def load(path: Path) -> dict[str, Any]:
    """Load what `save` wrote, on the CPU, running no code from the file."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def load_undamaged(path: Path) -> dict[str, Any]:
    """As `load`, holding every part of the file against the checksum that the file has for it.

    Raises:
        ValueError: If a part has changed.
        Exception: Of many kinds, if the file is no such file.
    """
    with zipfile.ZipFile(path) as archive:
        if (part := archive.testzip()) is not None:
            raise ValueError(f"{part} in it is damaged")
    return load(path)
