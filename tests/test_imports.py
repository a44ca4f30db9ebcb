"""Imports inside the package go one way, and the command line starts without the heavy libraries."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "gnn_dml"

# A room may import the rooms before it.
ROOMS = (
    "prepare",
    "data",
    "graphs",
    "layers",
    "models",
    "official",
    "losses",
    "metrics",
    "config",
    "training",
    "evaluation",
    "experiments",
    "cli",
)
# Imports no room; only experiments and cli import it.
APART = "results"
# Imported by all, importing no room: errors, the atomic write, text, the schema of a row, and the folder of settings.
SHARED = ("errors", "atomic", "text", "columns", "conf")
HEAVY = ("torch", "pandas", "torchvision", "matplotlib")


def imported_modules(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that `tree` imports, at any depth, in a file of `package`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                yield node.lineno, ".".join([*base, alias.name])
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if function in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def broken_rule(room: str, target: str) -> str | None:
    """The rule that an import of `target` by `room` breaks; both are names directly under the package."""
    if target == room or target in SHARED:
        return None
    if target not in (*ROOMS, APART):
        return f"{target} is not a room"
    if room not in ROOMS:
        return f"{room} imports no room"
    if target == APART:
        return None if room in ("experiments", "cli") else f"only experiments and cli import {APART}"
    if ROOMS.index(target) > ROOMS.index(room):
        return f"{room} comes before {target} and must not import it"
    return None


def violations(root: Path) -> list[str]:
    """Every import under `root`/gnn_dml that breaks a rule, as 'file:line: rule'."""
    found = []
    top_level = {p.stem for p in (root / PACKAGE).iterdir() if p.is_dir() or p.suffix == ".py"}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = list(path.relative_to(root).with_suffix("").parts)
        room = parts[1]
        where = path.relative_to(root).as_posix()
        if len(parts) > 2 and room not in (*ROOMS, *SHARED, APART):
            found.append(f"{where}:1: {room} is not a room")
            continue
        for line, name in imported_modules(ast.parse(path.read_text(), str(path)), parts[:-1]):
            names = name.split(".")
            if names[0] != PACKAGE or len(names) == 1:
                continue
            # `from gnn_dml import __version__` names no module.
            if len(names) == 2 and names[1] not in top_level:
                continue
            if rule := broken_rule(room, names[1]):
                found.append(f"{where}:{line}: {rule}")
    return found


def loaded_by(statement: str) -> set[str]:
    """Which heavy libraries are in a new interpreter after `statement`."""
    code = f"import sys\n{statement}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_imports_go_one_way() -> None:
    assert violations(ROOT) == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for room in (*ROOMS, APART):
        folder = tmp_path / PACKAGE / room
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    (tmp_path / PACKAGE / "__init__.py").write_text('__version__ = "0"\n')
    (tmp_path / PACKAGE / "errors.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("data/a.py", "import gnn_dml.graphs\n", "1: data comes before graphs and must not import it"),
        (
            "data/a.py",
            "x = 1\nfrom gnn_dml.cli import main\n",
            "2: data comes before cli and must not import it",
        ),
        ("data/a.py", "from gnn_dml import training\n", "1: data comes before training and must not import it"),
        (
            "data/a.py",
            "from ..models.neck import Neck\n",
            "1: data comes before models and must not import it",
        ),
        ("data/a.py", "from .. import models\n", "1: data comes before models and must not import it"),
        ("data/b/c.py", "from ...models import neck\n", "1: data comes before models and must not import it"),
        (
            "data/__init__.py",
            "from ..models import neck\n",
            "1: data comes before models and must not import it",
        ),
        ("layers/a.py", "def f():\n    import gnn_dml.models.neck\n", "2: layers comes before models"),
        (
            "layers/a.py",
            "import importlib\nimportlib.import_module('gnn_dml.models')\n",
            "2: layers comes before",
        ),
        ("training/a.py", "from gnn_dml.results import table\n", "1: only experiments and cli import results"),
        ("results/a.py", "from gnn_dml.data import read\n", "1: results imports no room"),
        ("errors.py", "from gnn_dml.data import read\n", "1: errors imports no room"),
        ("__init__.py", "from .data import read\n", "1: __init__ imports no room"),
        ("cli/a.py", "from gnn_dml.plots import bar\n", "1: plots is not a room"),
        ("plots/a.py", "", "1: plots is not a room"),
    ],
)
def test_a_forbidden_import_is_found(tree: Path, file: str, source: str, expected: str) -> None:
    path = tree / PACKAGE / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    (found,) = violations(tree)
    assert found.startswith(f"{PACKAGE}/{file}:{expected}")


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("training/a.py", "from gnn_dml.losses import a\nfrom ..data import b\nimport gnn_dml.metrics.c\n"),
        ("data/a.py", "from gnn_dml.errors import E\nfrom .b import c\nfrom gnn_dml.data.b import d\n"),
        (
            "results/a.py",
            "from gnn_dml.errors import E\nfrom gnn_dml import __version__\nfrom . import table\n",
        ),
        ("cli/a.py", "from gnn_dml.results import table\nfrom gnn_dml import data, training, results\n"),
        ("data/a.py", "import torch\nfrom os import path\nimport gnn_dml\nimport gnn_dml_other.cli\n"),
    ],
)
def test_an_allowed_import_is_left_alone(tree: Path, file: str, source: str) -> None:
    (tree / PACKAGE / file).write_text(source)
    assert violations(tree) == []


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    assert loaded_by("import gnn_dml, gnn_dml.cli.main") == set()


def test_a_heavy_library_would_be_seen() -> None:
    assert "matplotlib" in loaded_by("import matplotlib")


# Everything else takes objects and plain arguments.
SEES_SETTINGS = ("config", "experiments", "cli")
# The command line parses and prints: what it does not ask of these it would do itself.
ASKED_BY_CLI = ("cli", "config", "experiments", "evaluation", "prepare", "results", "errors", "text", "__version__")
PRINTS_WITH = ("tqdm", "yaml")


def settings_seen(root: Path) -> list[str]:
    """Every place outside the rooms for it that imports a configuration library or takes a configuration."""
    found = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[1] in SEES_SETTINGS:
            continue
        tree = ast.parse(path.read_text(), str(path))
        where = path.relative_to(root).as_posix()
        for line, name in imported_modules(tree, list(parts[:-1])):
            if name.split(".")[0] in ("hydra", "omegaconf") or name.startswith(f"{PACKAGE}.config"):
                found.append(f"{where}:{line}: imports {name}")
        for node in ast.walk(tree):
            if isinstance(node, ast.arg) and node.arg in ("config", "cfg"):
                found.append(f"{where}:{node.lineno}: takes a {node.arg}")
    return found


def done_by_cli(root: Path) -> list[str]:
    """Every import of the command line beyond what parsing and printing need."""
    found = []
    for path in sorted((root / PACKAGE / "cli").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        for line, name in imported_modules(ast.parse(path.read_text(), str(path)), list(parts[:-1])):
            first, _, rest = name.partition(".")
            allowed = ASKED_BY_CLI if first == PACKAGE else (*sys.stdlib_module_names, *PRINTS_WITH, "pandas")
            if (rest.split(".")[0] if first == PACKAGE else first) not in allowed:
                found.append(f"{path.relative_to(root).as_posix()}:{line}: imports {name}")
    return found


def test_only_two_rooms_see_settings() -> None:
    assert settings_seen(ROOT) == []


def test_the_command_line_only_parses_and_prints() -> None:
    assert done_by_cli(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "said"),
    [
        ("training/a.py", "from omegaconf import DictConfig\n", "imports omegaconf.DictConfig"),
        ("evaluation/a.py", "from gnn_dml.config.compose import resolve\n", "imports gnn_dml.config.compose.resolve"),
        ("models/a.py", "def build(config):\n    pass\n", "takes a config"),
    ],
)
def test_a_room_that_sees_settings_is_found(tree: Path, file: str, source: str, said: str) -> None:
    (tree / PACKAGE / file).write_text(source)
    (found,) = settings_seen(tree)
    assert found.endswith(said)


@pytest.mark.parametrize("source", ["import torch\n", "from gnn_dml.training.trainer import Trainer\n"])
def test_work_in_the_command_line_is_found(tree: Path, source: str) -> None:
    (tree / PACKAGE / "cli" / "a.py").write_text(source)
    assert len(done_by_cli(tree)) == 1
