"""The source of classes from outside, as a checksum: edited code is another computation.

Nothing is imported here: of a dotted name the top-level package is found, and its files are read.
"""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any


def source_hashes(settings: Mapping[str, Any]) -> dict[str, str]:
    """For each user's own package named by a `_target_`, twelve digits of the checksum of its files.

    Installed packages (torch, pytorch-metric-learning, this one) and the standard library are left out: a run that
    should tell their versions apart says so in its row.

    Args:
        settings: By dotted name, as `gnn_dml.config.flatten.flatten` returns them.
    """
    targets = [str(value) for name, value in settings.items() if name.rpartition(".")[2] == "_target_" and value]
    tops = sorted({target.partition(".")[0] for target in targets} - {"gnn_dml"})
    return {top: code for top in tops if (code := source_hash(top)) is not None}


def source_hash(package: str) -> str | None:
    """The checksum of a module's file, or of all `.py` files of a package; None if it is installed or not found."""
    if package in sys.builtin_module_names or package in sys.stdlib_module_names:
        return None
    spec = PathFinder.find_spec(package)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        base = Path(next(iter(spec.submodule_search_locations)))
    elif spec.origin is not None:
        base = Path(spec.origin).parent
    else:
        return None
    if _is_installed(base):  # asked before its files are listed: torch has thousands
        return None
    files = sorted(base.rglob("*.py")) if spec.submodule_search_locations else [Path(str(spec.origin))]
    found = hashlib.sha256()
    for file in files:
        found.update(file.relative_to(base).as_posix().encode(errors="surrogateescape"))
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:12]


def _is_installed(base: Path) -> bool:
    place = base.resolve()
    return any(folder == place or folder in place.parents for folder in _installed_in())


@cache
def _installed_in() -> frozenset[Path]:
    return frozenset(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib"))
