"""Merge runs of several studies and machines into one frame, and refuse those that do not belong together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gnn_dml.errors import UserError
from gnn_dml.results.cells import VERSIONS
from gnn_dml.results.collect import RESULT, collect, read_study_rows
from gnn_dml.results.frame import make_frame
from gnn_dml.results.rows import read_cell_order, read_rows

REASONS = {
    "versions": "other versions of packages",
    "data": "other data",
    "protocol": "another protocol",
}
"""What keeps studies apart, by the word that `allow` takes."""

DATA = ("dataset", "content", "split", "test_set")
"""Columns in which studies must agree, as far as they are known."""

PROTOCOL = ("protocol.", "dataset.", "sampler.", "optimizer.")
"""Settings in which studies must agree, unless a study has them differ between its own cells."""

SHOWN = 3


@dataclass(frozen=True)
class Source:
    """The runs of one folder.

    Attributes:
        folder: Of a study, with a folder per run.
        rows: With their settings.
    """

    folder: Path
    rows: list[dict[str, Any]]


def collect_studies(paths: Sequence[Path], *, allow: Iterable[str] = ()) -> pd.DataFrame:
    """The rows of several studies as one frame; of one study what `collect` gives, with its results.csv rebuilt.

    A run that lies in several folders, for instance copied from another machine, counts once. Nothing is written where
    several folders are merged.

    Args:
        paths: Folders of studies, of single runs, or of several studies.
        allow: What may differ between them: "versions", "data", "protocol".

    Returns:
        As `collect`. In its `attrs`, besides `damaged`, the `roots`, which are the folders of studies as texts, and
        `notes`, sentences on what was merged though it differs.

    Raises:
        UserError: When a folder holds no ended run, when rows do not belong together, or a cell has other settings in
            another folder; it says which and why.
    """
    allowed = set(allow)
    if unknown := allowed - set(REASONS):
        raise UserError(f"{', '.join(sorted(unknown))} cannot be allowed; what can is {', '.join(REASONS)}")
    studies = _find_studies(paths)
    if len(studies) == 1 and studies[0][1] is None:
        frame = collect(studies[0][0])
        frame.attrs |= {"roots": [str(studies[0][0])], "notes": []}
        return frame
    damaged: list[str] = []
    sources = [_read(folder, runs, damaged) for folder, runs in studies]
    sources = [source for source in sources if source.rows]
    if not sources:
        raise UserError("; ".join(damaged))
    notes = _check(sources, allowed)
    rows = _once(sources, notes)
    _check_cells(rows, () if "protocol" not in allowed else PROTOCOL)
    order: dict[str, None] = {}
    for folder, _ in studies:
        try:
            order |= dict.fromkeys(read_cell_order(folder / "cells.json"))
        except UserError as error:
            damaged.append(str(error))
    frame = make_frame([row for row, _ in rows], list(order))
    frame.attrs |= {"damaged": damaged, "roots": [str(source.folder) for source in sources], "notes": notes}
    return frame


def _find_studies(paths: Sequence[Path]) -> list[tuple[Path, list[Path] | None]]:
    """Folders of studies with the results of the runs asked for, None for all of them."""
    found: dict[Path, list[Path] | None] = {}
    for path in paths:
        if not path.is_dir():
            raise UserError(f"there is no folder {path}")
        if (path / RESULT).is_file():
            study = path.absolute().parent
            if found.get(study, []) is not None:
                found[study] = [*(found.get(study) or []), study / path.name / RESULT]
            continue
        inside = (
            [path] if any(path.glob(f"*/{RESULT}")) else sorted({run.parents[1] for run in path.glob(f"*/*/{RESULT}")})
        )
        if not inside:
            raise UserError(
                f"{path} has no run with a {RESULT}: no run of it has ended yet, or it is no folder of runs"
            )
        found |= {study.absolute(): None for study in inside}
    return list(found.items())


def _read(folder: Path, runs: list[Path] | None, damaged: list[str]) -> Source:
    try:
        rows, said = read_study_rows(folder) if runs is None else read_rows(runs)
    except UserError as error:
        rows, said = [], [str(error)]
    damaged += said
    return Source(folder, rows)


def _check(sources: Sequence[Source], allowed: set[str]) -> list[str]:
    """Refuse what differs between folders and is not allowed; sentences on what is."""
    differing = {
        "versions": _unlike_columns(sources, VERSIONS),
        "data": _unlike_columns(sources, DATA),
        "protocol": _unlike_settings(sources),
    }
    refused = {reason: what for reason, what in differing.items() if what and reason not in allowed}
    if refused:
        why = "; ".join(f"{REASONS[reason]} ({_listed(what)})" for reason, what in refused.items())
        folders = ", ".join(str(source.folder) for source in sources[:SHOWN])
        more = f" and {len(sources) - SHOWN} more" if len(sources) > SHOWN else ""
        raise UserError(
            f"{folders}{more} do not belong together: {why}; --allow {' --allow '.join(refused)} merges them anyway"
        )
    return [f"Merged in spite of {REASONS[reason]}: {_listed(what)}" for reason, what in differing.items() if what]


def _unlike_columns(sources: Sequence[Source], columns: Sequence[str]) -> list[str]:
    """What folders have of each column, where one has something that another has not; what is empty is not known."""
    found = []
    for name in columns:
        held = [{str(row[name]) for row in source.rows if row.get(name)} for source in sources]
        known = [values for values in held if values]
        if any(values != known[0] for values in known[1:]):
            found.append(f"{name} {' / '.join(sorted(set().union(*known)))}")
    return found


def _unlike_settings(sources: Sequence[Source]) -> list[str]:
    """Settings of the protocol with one value in each folder, and not the same."""
    own = [_own_settings(source) for source in sources]
    names = sorted({name for source in sources for row in source.rows for name in row["settings"]})
    found = []
    for name in names:
        if not name.startswith(PROTOCOL) or any(_names(name, typed) for typed in own):
            continue
        if all(_follows_seed(row, name) for source in sources for row in source.rows):
            continue
        held = [{_key(row["settings"][name]) for row in source.rows if name in row["settings"]} for source in sources]
        known = [values for values in held if values]
        if all(len(values) == 1 for values in known) and len(set().union(*known)) > 1:
            found.append(f"{name} {' / '.join(sorted(set().union(*known)))}")
    return found


def _follows_seed(row: Mapping[str, Any], name: str) -> bool:
    return name not in row["settings"] or row["settings"][name] == row["seed"]


def _own_settings(source: Source) -> set[str]:
    """What a study or its cells set, or was typed for all of it: rows that differ there are other cells."""
    typed = [str(part) for row in source.rows for part in row.get("typed") or []]
    typed += [part for row in source.rows for part in str(row.get("overrides") or "").split()]
    return {part.partition("=")[0].lstrip("+~") for part in typed}


def _names(name: str, typed: set[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in typed)


def _once(sources: Sequence[Source], notes: list[str]) -> list[tuple[dict[str, Any], Path]]:
    """Every run once, that of the folder named first, with its folder."""
    found: dict[str, tuple[dict[str, Any], Path]] = {}
    unlike = []
    for source in sources:
        for row in source.rows:
            first = found.setdefault(row["run_id"], (row, source.folder))[0]
            if first is not row and _figures(first) != _figures(row):
                unlike.append(f"{row['run_id']} of {source.folder}")
    if unlike:
        notes.append(
            f"Runs that another folder has with other figures count as the first folder has them: {_listed(unlike)}"
        )
    return list(found.values())


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name.startswith(("backbone_", "expanded_", "refined_"))}


def _check_cells(rows: Sequence[tuple[dict[str, Any], Path]], passed_over: tuple[str, ...]) -> None:
    """Refuse a cell that is something else in another folder: its seeds would be counted together."""
    first: dict[tuple[Any, ...], tuple[dict[str, Any], Path]] = {}
    for row, folder in rows:
        settings = {name: value for name, value in row["settings"].items() if value != row["seed"] and name != "seed"}
        key = (row["cell"], row["overrides"], *(row.get(name) for name in DATA))
        known, where = first.setdefault(key, (settings, folder))
        if where == folder or not known or not settings:
            continue
        unlike = sorted(n for n in known.keys() & settings.keys() if _key(known[n]) != _key(settings[n]))
        unlike = [name for name in unlike if not name.startswith(("source.", *passed_over))]
        if unlike:
            what = [f"{name} {_key(known[name])} / {_key(settings[name])}" for name in unlike]
            raise UserError(
                f"the cell {row['cell']!r} is not the same in {where} and {folder}: {_listed(what)}; "
                "give one of them another name"
            )


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:SHOWN]) + (f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else "")


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
