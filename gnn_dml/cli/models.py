"""From the arguments of `embed`, `evaluate` and `search` to what their calls take; the list stands here once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gnn_dml.experiments.load_models import load_models

if TYPE_CHECKING:
    from gnn_dml.experiments.trained import Trained


def load_named(arguments: argparse.Namespace, runs: Sequence[str], settings: Sequence[str]) -> list[Trained]:
    """The learners of runs or files of weights under settings, with what else `add_model_arguments` says of them."""
    return load_models(
        runs,
        settings=settings,
        last=arguments.last,
        dataset=arguments.dataset,
        refiners=arguments.refiner,
        trust=arguments.trust,
        config_dirs=arguments.config_dir,
    )


def images_and_device(arguments: argparse.Namespace) -> dict[str, Any]:
    """On which images, which of the two embeddings, computed where."""
    return {name: getattr(arguments, name) for name in ("split", "refined", "device", "workers")}
