"""environment.yml and pyproject.toml ask for the same things.

conda-forge cannot be asked from a test, so its names are held in conda_forge_names.csv, each with the
feedstock whose recipe builds it; a name that is not in that list fails.
"""

import csv
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
NAMES_CSV = Path(__file__).with_name("conda_forge_names.csv")

# Two distributions of one module: the environment holds the one on the right.
REPLACED_BY = {"faiss-cpu": "faiss-gpu"}
# Development requirements the environment leaves out, with the reason.
LEFT_OUT = {
    "gnn-dml": "the package itself, from the pip section",
    "resvg-py": "only draws the emoji pictures again, and is pinned to one version",
}


# Bounds and points name every version where they change; `~=2.2` and `==2.*` end at one they do not name.
OPERATORS = {">=", ">", "<=", "<", "==", "!="}


def names() -> dict[str, str]:
    """Conda name to PyPI name ('' where there is none)."""
    with NAMES_CSV.open(newline="") as file:
        return {row["conda_name"]: row["pypi_name"] for row in csv.DictReader(file)}


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def environment() -> str:
    return (ROOT / "environment.yml").read_text()


def is_plain(spec: SpecifierSet) -> bool:
    return all(bound.operator in OPERATORS and "*" not in bound.version for bound in spec)


def is_within(inner: SpecifierSet, outer: SpecifierSet) -> bool:
    """Whether some version fits `inner`, and every version that fits `inner` fits `outer` too.

    Between two neighbouring bounds nothing changes: it is enough to look at each bound, just above each, far
    below and far above.
    """
    if not (is_plain(inner) and is_plain(outer)):
        raise ValueError(f"cannot compare '{inner}' with '{outer}'")
    bounds = {Version(spec.version) for spec in (*inner, *outer)}
    just_above = {Version(f"{bound.base_version}.0.0.0.1") for bound in bounds}
    fitting = [v for v in {Version("0"), Version("99999"), *bounds, *just_above} if inner.contains(v)]
    return bool(fitting) and all(outer.contains(v) for v in fitting)


def parse_line(line: str) -> tuple[str, SpecifierSet]:
    """Name and bounds of one conda line, in the forms that conda and PyPI read alike: `pandas >=2.2,<4`."""
    match = re.fullmatch(r"([a-z0-9][a-z0-9_.-]*)(?:\s+(\S+))?", line.strip())
    if match is None:
        raise ValueError(line)
    try:
        spec = SpecifierSet(match[2] or "")
    except InvalidSpecifier as error:
        raise ValueError(line) from error
    if not is_plain(spec):
        raise ValueError(line)
    return match[1], spec


def problems(text: str, metadata: dict[str, Any], pypi_of: dict[str, str]) -> list[str]:
    """What is wrong with the environment file `text`, given a `[project]` table and the list of names."""
    found: list[str] = []
    content = yaml.safe_load(text)
    if content.get("channels") != ["conda-forge", "nodefaults"]:
        found.append(f"channels: {content.get('channels')}, not conda-forge and nodefaults")

    specs: dict[str, SpecifierSet] = {}  # by PyPI name
    python: SpecifierSet | None = None
    pip_lines: list[str] = []
    for line in content["dependencies"]:
        if isinstance(line, dict):
            pip_lines += line["pip"]
            continue
        try:
            name, spec = parse_line(line)
        except ValueError:
            found.append(f"unreadable line: {line}")
            continue
        if name not in pypi_of:
            found.append(f"unknown conda-forge name: {name}")
        elif name == "python":
            python = spec
        elif name != "pip":
            specs[canonicalize_name(pypi_of[name])] = spec
    if pip_lines != ["-e ."]:
        found.append(f"pip section: {pip_lines}, not only '-e .'")
    if python != SpecifierSet(metadata["requires-python"]):
        found.append(f"python: {python}, but requires-python is {metadata['requires-python']}")

    extras = metadata["optional-dependencies"]
    asked: dict[str, SpecifierSet] = {}
    needed: dict[str, str] = {}
    for group, lines in {"dependencies": metadata["dependencies"], **extras}.items():
        for line in lines:
            requirement = Requirement(line)
            name = canonicalize_name(requirement.name)
            asked[name] = asked.get(name, SpecifierSet()) & requirement.specifier
            if group in {"dependencies", "scatter", "gpu", "dev"} and name not in LEFT_OUT:
                needed.setdefault(REPLACED_BY.get(name, name), group)
    for name, group in needed.items():
        if name not in specs:
            found.append(f"missing: {name} ({group})")
    for name, spec in specs.items():
        if name not in asked:
            found.append(f"not in pyproject.toml: {name}")
        elif not is_within(spec, asked[name]):
            found.append(f"version: {name} '{spec}' is not within '{asked[name]}'")
    return found


def test_environment_and_pyproject_agree() -> None:
    assert problems(environment(), project(), names()) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("- pytorch >=", "- torch >=", "unknown conda-forge name: torch"),
        ("- pytorch_geometric >=", "- torch-geometric >=", "unknown conda-forge name: torch-geometric"),
        ("- faiss-gpu >=1.8", "- faiss-gpu-cu12 >=1.8", "unknown conda-forge name: faiss-gpu-cu12"),
        ("- pandas >=2.2\n", "- pandas >=1.5\n", "version: pandas '>=1.5' is not within '>=2.2'"),
        ("- pandas >=2.2\n", "- pandas\n", "version: pandas '' is not within '>=2.2'"),
        ("- pandas >=2.2\n", "- pandas >=2.2,<2\n", "version: pandas '<2,>=2.2' is not within '>=2.2'"),
        ("- pandas >=2.2\n", "- pandas=2.2\n", "unreadable line: pandas=2.2"),
        ("  - pandas >=2.2\n", "", "missing: pandas (dependencies)"),
        ("  - pytorch_scatter >=2.1.2\n", "", "missing: torch-scatter (scatter)"),
        ("  - faiss-gpu >=1.8\n", "", "missing: faiss-gpu (gpu)"),
        ("  - types-tqdm\n", "", "missing: types-tqdm (dev)"),
        ("- pip\n", "- pip\n  - scikit-image\n", "unknown conda-forge name: scikit-image"),
        ("- python >=3.10\n", "- python >=3.9\n", "python: >=3.9, but requires-python is >=3.10"),
        ("      - -e .\n", "      - -e .\n      - torch-scatter\n", "pip section: ['-e .', 'torch-scatter']"),
        ("      - -e .\n", "      - .\n", "pip section: ['.'], not only '-e .'"),
        ("  - nodefaults\n", "  - defaults\n", "channels: ['conda-forge', 'defaults']"),
    ],
)
def test_a_doctored_environment_is_refused(old: str, new: str, expected: str) -> None:
    text = environment()
    assert text.count(old) == 1
    found = problems(text.replace(old, new), project(), names())
    assert any(problem.startswith(expected) for problem in found), found


def test_a_package_that_pyproject_does_not_ask_for_is_refused() -> None:
    text = environment().replace("  - pip\n", "  - pip\n  - scikit-image\n", 1)
    found = problems(text, project(), {**names(), "scikit-image": "scikit-image"})
    assert found == ["not in pyproject.toml: scikit-image"]


def test_every_name_has_its_feedstock() -> None:
    with NAMES_CSV.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["conda_name"] for row in rows] == sorted({row["conda_name"] for row in rows})
    for row in rows:
        assert re.fullmatch(r"conda-forge/[a-z0-9_.-]+-feedstock", row["source"]), row


def test_what_is_left_out_is_still_asked_for() -> None:
    dev = {canonicalize_name(Requirement(line).name) for line in project()["optional-dependencies"]["dev"]}
    data = {canonicalize_name(Requirement(line).name) for line in project()["optional-dependencies"]["data"]}
    assert {*LEFT_OUT, *REPLACED_BY} <= dev | data


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        (">=2.2", ">=2.2", True),
        (">=2.3", ">=2.2", True),
        (">=2.2,<3", ">=2.2", True),
        ("==2.5", ">=2.2,<3", True),
        ("", "", True),
        (">=1.0", "", True),
        ("", ">=1.0", False),
        (">=2.1", ">=2.2", False),
        (">2.2", ">=2.2", True),
        (">=2.2", ">2.2", False),
        (">=2.2", ">=2.2,<3", False),
        ("<2", ">=2.2", False),
        (">=3,<2", ">=1", False),
        (">=2.11", ">=2.9", True),
    ],
)
def test_is_within(inner: str, outer: str, expected: bool) -> None:
    assert is_within(SpecifierSet(inner), SpecifierSet(outer)) is expected


@pytest.mark.parametrize("spec", ["~=2.2", "==2.*"])
def test_bounds_that_cannot_be_compared_are_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="cannot compare"):
        is_within(SpecifierSet(">=2.2,<4"), SpecifierSet(spec))
