"""What a row was measured on: the data, how images were seen, and by which code."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gnn_dml.config.transfer import normalization_of
from gnn_dml.data.counts import count_split, hash_split
from gnn_dml.experiments.build import RunSplits

Config = Mapping[str, Any]

PACKAGES = ("torchvision", "torch-geometric", "timm", "numpy", "pillow", "scikit-learn", "faiss-cpu", "faiss-gpu")
"""Besides torch: those that figures depend on, and that may be missing."""


def describe_data(config: Config, data: RunSplits) -> dict[str, Any]:
    """The columns of a row about its images.

    Args:
        config: Of the run.
        data: Of the run.
    """
    transform = config["dataset"]["transform"]
    test = None if data.test is None else count_split(data.test)
    select = None if data.select is None or not config["protocol"]["epochs"] else count_split(data.select)
    return {
        "root": root_name(config["dataset"]),
        "split": "" if test is None else "test",
        "test_set": "" if data.test is None else hash_split(data.test),
        "test_images": None if test is None else test.images,
        "test_classes": None if test is None else test.classes,
        "test_queries": None if test is None else test.queries,
        "test_answered": None if test is None else test.answered,
        "train_images": len(data.train),
        "train_classes": data.train.num_classes,
        "select_images": None if select is None else select.images,
        "select_classes": None if select is None else select.classes,
        "select_answered": None if select is None else select.answered,
        "skipped_images": data.skipped,
        "passed_over": "; ".join(f"{count} ({reason})" for reason, count in data.found.passed_over.items()),
        "image_size": transform.get("size"),
        "normalize": normalization_of(transform),
    }


def root_name(dataset: Config) -> str:
    """The last part of the path to the data, without what lies above it."""
    root = dataset.get("root")
    # Names that are not UTF-8 reach neither JSON nor CSV.
    return "" if root is None else Path(str(root)).name.encode(errors="replace").decode()


def describe_code(settings: Config) -> str:
    """Packages from outside whose classes a run builds, with the checksums that `counted_settings` has of them."""
    found = {name.removeprefix("source."): code for name, code in settings.items() if name.startswith("source.")}
    return ", ".join(f"{name} {code}" for name, code in sorted(found.items()))


@cache
def describe_versions() -> str:
    """Python and the packages of `PACKAGES` that are installed, with their versions."""
    return ", ".join([f"python {platform.python_version()}", *(f"{name} {held}" for name, held in _installed())])


def _installed() -> list[tuple[str, str]]:
    found = []
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return found
