"""What stands around the package: Makefile and continuous integration, changelog, the layout of the tests."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gnn_dml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
HOME_PATH = re.compile(r"(?<![\w.~$}-])(/(home|Users|root)/\w|[A-Z]:\\+Users\\+\w)")


def dry_run(target: str, root: Path = ROOT) -> str:
    """The commands that `make target` would run, as if nothing were installed."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    env = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    command = [
        "make",
        "-C",
        str(root),
        "--no-print-directory",
        "--dry-run",
        "--always-make",
        target,
        "PYTEST_ARGS=",
    ]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def checks_left_out(commands: str) -> list[str]:
    """The checks that are not among the commands of `make test`."""
    checks = {
        "ruff check": r"/ruff check \.$",
        "ruff format": r"/ruff format --check \.$",
        "mypy": r"/mypy( > \S+ 2>&1 & \\)?$",
        "pytest": r"/python -m pytest\s*( \|\| code=\$\?; \\)?$",
    }
    return [name for name, pattern in checks.items() if not re.search(pattern, commands, re.MULTILINE)]


def ci_commands(script: str) -> list[str]:
    """The commands of a shell script, without comments, `set` and `cd`."""
    lines = [line.strip() for line in script.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]


def promised_files(pyproject: dict[str, Any]) -> list[str]:
    """The paths that pyproject.toml builds a distribution from."""
    targets = pyproject["tool"]["hatch"]["build"]["targets"]
    return [
        pyproject["project"]["readme"],
        *pyproject["project"]["license-files"],
        *targets["wheel"].get("force-include", {}),
        *targets["sdist"]["include"],
    ]


def newest_entry(changelog: str) -> str:
    match = re.search(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert match is not None, "CHANGELOG.md has no entry"
    return match[1]


def stray_test_folders(root: Path) -> list[str]:
    """Folders directly under tests/ that hold tests and do not bear the name of a room."""
    tests = root / "tests"
    folders = {path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py") if path.parent != tests}
    return sorted(name for name in folders if not (root / "gnn_dml" / name).is_dir())


def home_paths(files: list[Path]) -> list[str]:
    """Lines of text files that hold a path inside somebody's home folder."""
    found = []
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        found += [f"{path}:{number}" for number, line in enumerate(lines, 1) if HOME_PATH.search(line)]
    return found


def test_continuous_integration_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text()
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in text.splitlines()
    assert ci_commands(text) == ["make test"]


@pytest.mark.parametrize("extra", ["pytest -x", "make test || true", "ruff check ."])
def test_another_command_in_continuous_integration_is_seen(extra: str) -> None:
    assert ci_commands(f"#!/bin/bash\nset -e\ncd x\nmake test\n{extra}\n") == ["make test", extra]


def test_make_test_runs_every_check() -> None:
    assert checks_left_out(dry_run("test")) == []


@pytest.mark.parametrize("check", ["ruff check", "ruff format", "mypy", "pytest"])
def test_a_check_missing_from_make_test_is_seen(tmp_path: Path, check: str) -> None:
    lines = (ROOT / "Makefile").read_text().splitlines(keepends=True)
    pattern = re.compile(r"\s+@?\$\(BIN\)/(python -m )?" + check)
    test = "".join(line for line in lines if not (pattern.match(line) and "--fix" not in line))
    (tmp_path / "Makefile").write_text(test)
    (tmp_path / "pyproject.toml").touch()
    assert checks_left_out(dry_run("test", tmp_path)) == [check]


def test_make_demo_installs_no_development_tools() -> None:
    installs = [line for line in dry_run("demo").splitlines() if re.search(r"\binstall\b", line)]
    assert [line.partition("install.py ")[2] for line in installs] == ["-e ."]


def test_make_clean_keeps_results_and_data() -> None:
    commands = dry_run("clean")
    assert ".venv" in commands
    assert not re.search(r"\b(runs|datasets)\b|git clean", commands)


def test_what_a_distribution_is_built_from_exists() -> None:
    promised = promised_files(tomllib.loads((ROOT / "pyproject.toml").read_text()))
    assert {"README.md", "LICENSE"} <= set(promised)
    assert [name for name in promised if not (ROOT / name).exists()] == []


def test_the_changelog_speaks_of_this_version() -> None:
    assert newest_entry((ROOT / "CHANGELOG.md").read_text()) in {"Unreleased", gnn_dml.__version__}


def test_the_newest_entry_is_the_first() -> None:
    assert newest_entry("# Changelog\n\n## [0.2.0] - 2030-01-01\n\n## [0.1.0]\n") == "0.2.0"


def test_test_folders_bear_the_names_of_rooms() -> None:
    assert stray_test_folders(ROOT) == []


def test_a_stray_test_folder_is_seen(tmp_path: Path) -> None:
    for name in (
        "tests/data/test_a.py",
        "tests/dta/deep/test_b.py",
        "tests/fixtures/c.py",
        "gnn_dml/data/a.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert stray_test_folders(tmp_path) == ["dta"]


def test_no_tracked_file_holds_a_home_path() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listing.split("\0") if name]
    assert files
    assert home_paths(files) == []


@pytest.mark.parametrize("home", ["/home/", "/Users/", "/root/", "C:\\Users\\"])
def test_a_home_path_is_seen(tmp_path: Path, home: str) -> None:
    path = tmp_path / "file.txt"
    path.write_text(f"one\ndata = '{home}someone/data'\n")
    assert home_paths([path]) == [f"{path}:2"]


@pytest.mark.parametrize(
    "text", ["https://example.org/home/page", "~/home/data", "$ROOT/home/data", "the /home/ folder"]
)
def test_what_is_no_home_path_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.txt"
    path.write_text(text)
    assert home_paths([path]) == []
