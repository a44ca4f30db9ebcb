"""The configuration groups and their names, read off the folders of `gnn_dml/conf` without loading anything.

A user's own folder (`--config-dir DIR`) has the same layout, DIR/graph/mine.yaml and DIR/study/mine.yaml, beside the
Python modules that its YAMLs name.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from gnn_dml.errors import UserError
from gnn_dml.text import exists, typed_path

CONF = Path(__file__).resolve().parent.parent / "conf"
STUDY = "study"
"""The folder of studies, which is no group of a run."""

SPACE = "space"
"""That of search spaces."""

ConfigDirs = Sequence[Path]


def groups(config_dirs: ConfigDirs = ()) -> dict[str, list[str]]:
    """Each group with its names, both in alphabetical order, those of the user's own folders among them."""
    folders = {folder.name: {path.stem for path in folder.glob("*.yaml")} for folder in _folders(CONF)}
    for own in config_dirs:
        for name, known in folders.items():
            known |= {path.stem for path in (own / name).glob("*.yaml")}
    return {name: sorted(folders[name]) for name in sorted(folders)}


def studies(config_dirs: ConfigDirs = ()) -> list[str]:
    """The studies that come with the package, and the user's own."""
    return names_in(STUDY, config_dirs)


def names_in(folder: str, config_dirs: ConfigDirs = ()) -> list[str]:
    """The YAMLs of a folder of the package and of the user's own folders of that name."""
    return sorted({path.stem for place in (CONF, *config_dirs) for path in (place / folder).glob("*.yaml")})


def study_file(name: str, config_dirs: ConfigDirs = ()) -> Path:
    """A study by its name, the user's own first, or by its path."""
    return named_file(STUDY, name, config_dirs)


def named_file(folder: str, name: str, config_dirs: ConfigDirs = ()) -> Path:
    """A YAML of a folder by its name, the user's own first, or by its path."""
    if name.endswith((".yaml", ".yml")):
        return typed_path(name)
    places = [place / folder / f"{name}.yaml" for place in (*config_dirs, CONF)]
    return next((path for path in places if path.is_file()), places[-1])


def open_config_dirs(folders: Sequence[str | Path]) -> list[Path]:
    """A user's own folders of YAMLs, absolute, their Python modules made importable.

    Raises:
        UserError: If one is no folder, holds no group, or has a name of its own for what the package has already; if a
            YAML of a group is none, or would fill the memory.
    """
    found = []
    for folder in folders:
        path = typed_path(folder).absolute()
        if not (exists(path) and path.is_dir()):
            raise UserError(f"--config-dir {folder} must be a folder, and there is none")
        _check_layout(path)
        _check_files(path)
        found.append(path)
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))
            importlib.invalidate_caches()
    return found


def choices_text() -> str:
    """The groups and their names, a line each."""
    return "\n".join(f"    {group:<10} {' '.join(names)}" for group, names in groups().items())


def suggestion(word: str, known: list[str]) -> str:
    """' Did you mean X?' for a near miss, else nothing."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def _folders(place: Path) -> list[Path]:
    hidden = (STUDY, SPACE, "__pycache__")
    return sorted(path for path in place.iterdir() if path.is_dir() and path.name not in hidden)


def _check_layout(folder: Path) -> None:
    """Refuse a folder in which nothing would be found, and names that stand for something already."""
    known = groups()
    if not any((folder / name).is_dir() for name in (*known, STUDY, SPACE)):
        raise UserError(
            f"--config-dir {folder} holds none of the folders {', '.join((*known, STUDY, SPACE))}; a topology of yours "
            f"is for instance {folder.name}/graph/mine.yaml"
        )
    for group, names in known.items():
        twice = sorted({path.stem for path in (folder / group).glob("*.yaml")} & set(names))
        if twice:
            raise UserError(
                f"{folder / group / twice[0]}.yaml: {group}={twice[0]} is one of the package; rename the file"
            )


def _check_files(folder: Path) -> None:
    """Refuse YAMLs that would fill the memory by their aliases: Hydra copies what an alias stands for."""
    files = [path for group in groups() for path in sorted(folder.glob(f"{group}/**/*.yaml")) if path.is_file()]
    if files:
        from gnn_dml.config.bounded_yaml import compose_yaml  # late: whoever only asks for names loads nothing

        for path in files:
            compose_yaml(path)
