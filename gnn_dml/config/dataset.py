"""The settings of a data set alone, for reading it outside a run."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gnn_dml.config.composer import composer_for
from gnn_dml.config.names import ConfigDirs
from gnn_dml.errors import UserError


def compose_source(
    name: str, root: Path | None, *, strict: bool = True, config_dirs: ConfigDirs = ()
) -> dict[str, Any]:
    """Compose how a data set is read: `dataset.source` of its YAML, that is its reader and the reader's arguments.

    Args:
        name: As in `dataset=NAME`.
        root: In the place of `dataset.root`; None for the YAML's own.
        strict: False where the published counts need not be met.
        config_dirs: The user's own folders of YAMLs.

    Raises:
        UserError: If `strict` is False and the data set knows no such setting.
    """
    dataset = copy.deepcopy(composer_for(config_dirs).tree([f"dataset={name}"])).dataset
    if root is not None:
        dataset.root = str(root)
    if not strict:
        if "strict" not in dataset:
            raise UserError(f"dataset={name} has no published counts that a subset could miss")
        dataset.strict = False
    source: dict[str, Any] = OmegaConf.to_container(dataset.source, resolve=True)  # type: ignore[assignment]
    return source


def own_transform(name: str, config_dirs: ConfigDirs = ()) -> dict[str, Any]:
    """How a data set shows its images when its settings alone decide: `dataset.transform` of its YAML.

    Args:
        name: As in `dataset=NAME`.
        config_dirs: The user's own folders of YAMLs.
    """
    transform = composer_for(config_dirs).tree([f"dataset={name}"]).dataset.transform
    held: dict[str, Any] = OmegaConf.to_container(transform, resolve=True)  # type: ignore[assignment]
    return held
