"""Where a run lives: in the folder of its name, or in one that an earlier version has finished under another."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from gnn_dml.config.bounded_yaml import loader_for
from gnn_dml.config.identity import digest, run_id
from gnn_dml.config.upgrade import upgrade
from gnn_dml.prepare.content import content_of

Config = Mapping[str, Any]
_RESULT = "result.json"
_SETTLED = 2 * 10**9
"""Nanoseconds after which the time of a folder's last change tells that nothing was made in it since."""


def run_folder(config: Config) -> Path:
    """Where the run of this configuration lives, whether it is there or not."""
    return Path(config["out"]) / str(config["study_name"]) / run_id(config)


def find_run(config: Config) -> Path:
    """The run's folder; a finished one of an earlier version of this package, if one computed the same.

    The runs of a study are looked through once for all calls; after that only what is new there or not finished.

    Args:
        config: Resolved.
    """
    folder = run_folder(config)
    if folder.exists() or not folder.parent.is_dir():
        return folder
    name = _earlier_runs(folder.parent.absolute()).find(digest(config))
    return folder if name is None else folder.parent / name


class _EarlierRuns:
    """The finished runs of an earlier version in the folder of a study, by what they computed.

    Args:
        folder: Of the study.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed = 0  # when the folder had changed last, as it was listed
        self._names: set[str] = set()
        self._open: dict[str, int | None] = {}  # not understood: when the result was written that was looked at
        self._found: dict[str, dict[str, int]] = {}  # by digest and name: when the result was written

    def find(self, wanted: str) -> str | None:
        """The name of the run that computed this, the first of several; None if there is none."""
        self._look()
        known = self._found.get(wanted, {})
        if changed := [name for name, written in known.items() if self._written(name) != written]:
            for name in changed:
                del known[name]
                self._open[name] = None
            self._look()
        return min(self._found.get(wanted, {}), default=None)

    def _look(self) -> None:
        """Read the results that are new."""
        self._list()
        contents: dict[tuple[Path, Path | None], str] = {}
        for name, seen in list(self._open.items()):
            written = self._written(name)
            if written is None or written == seen:
                continue
            self._open[name] = written
            row = _read_row(self.folder / name)
            if row is not None and "settings" in row:  # of this version, so its name says what it computed
                del self._open[name]
            elif row is not None and (computed := _digest_of(self.folder / name, contents)) is not None:
                del self._open[name]
                self._found.setdefault(computed, {})[name] = written

    def _list(self) -> None:
        try:
            changed = self.folder.stat().st_mtime_ns
            if changed == self._listed:
                return
            with os.scandir(self.folder) as entries:
                names = {entry.name for entry in entries if entry.is_dir()}
        except OSError:
            changed, names = 0, set()
        self._open = {name: seen for name, seen in self._open.items() if name in names}
        self._open |= dict.fromkeys(names - self._names)
        self._names = names
        # Clocks of file systems are coarse: something may be made in the same tick, after this look.
        self._listed = changed if time.time_ns() - changed > _SETTLED else 0

    def _written(self, name: str) -> int | None:
        try:
            return (self.folder / name / _RESULT).stat().st_mtime_ns
        except OSError:
            return None


@lru_cache(maxsize=64)
def _earlier_runs(folder: Path) -> _EarlierRuns:
    return _EarlierRuns(folder)


def _read_row(folder: Path) -> dict[str, Any] | None:
    """The row of a finished run; None for a file that holds none."""
    try:
        row = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _digest_of(folder: Path, contents: dict[tuple[Path, Path | None], str]) -> str | None:
    """What a run of an earlier version computed; None for one that does not say, and so is none to be reused.

    Args:
        folder: Of the run.
        contents: Of data looked at before, by their places.
    """
    try:
        text = (folder / "config.yaml").read_text(encoding="utf-8")
        config = upgrade(yaml.load(text, loader_for(text)))
        config["dataset"]["content"] = _content(config["dataset"], contents)
        return digest(config)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, yaml.YAMLError):
        return None


def _content(dataset: Config, contents: dict[tuple[Path, Path | None], str]) -> str | None:
    """The data of an earlier run: as recorded, or as they lie there now."""
    recorded, root = dataset.get("content"), dataset.get("root")
    if recorded is not None or root is None:
        return recorded
    path, images = Path(str(root)), dataset.get("images")
    place = (path, None if images is None else Path(str(images)))
    if place not in contents and path.exists():
        contents[place] = content_of(*place)
    return contents.get(place)
