"""Where a run lives: in the folder of its name, or in one that an earlier version has finished under another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from gnn_dml.config.identity import digest, run_id
from gnn_dml.config.upgrade import upgrade
from gnn_dml.prepare.content import content_of

Config = Mapping[str, Any]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def run_folder(config: Config) -> Path:
    """Where the run of this configuration lives, whether it is there or not."""
    return Path(config["out"]) / str(config["study_name"]) / run_id(config)


def find_run(config: Config) -> Path:
    """The run's folder; a finished one of an earlier version of this package, if one computed the same.

    Args:
        config: Resolved.
    """
    folder = run_folder(config)
    if folder.exists() or not folder.parent.is_dir():
        return folder
    wanted = digest(config)
    for result in sorted(folder.parent.glob("*/result.json")):
        if _earlier_digest(result.parent, result.stat().st_mtime_ns) == wanted:
            return result.parent
    return folder


@lru_cache(maxsize=4096)
def _earlier_digest(folder: Path, changed: int) -> str | None:
    """What a finished run of an earlier version computed; None for one of this version, or one that does not say.

    Args:
        folder: Of the run.
        changed: When its result was written, so that another one is looked at again.
    """
    del changed
    try:
        row = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        if not isinstance(row, dict) or "settings" in row:
            return None
        held = yaml.load((folder / "config.yaml").read_text(encoding="utf-8"), _Loader)
        config = upgrade(held)
        config["dataset"]["content"] = _content(config["dataset"])
        return digest(config)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None  # not a run that could be understood, so not one to be reused


def _content(dataset: Config) -> str | None:
    """The data of an earlier run: as recorded, or as they lie there now."""
    recorded, root = dataset.get("content"), dataset.get("root")
    if recorded is not None or root is None:
        return recorded
    path, images = Path(str(root)), dataset.get("images")
    return content_of(path, None if images is None else Path(str(images))) if path.exists() else None
