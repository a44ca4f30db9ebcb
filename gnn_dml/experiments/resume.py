"""Whether the state of an interrupted run is one that this run can go on from; else in what it differs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gnn_dml.config.identity import counted_settings, digest
from gnn_dml.errors import UserError
from gnn_dml.training.trainer import Trainer

_AGAIN = "move the file away to begin anew"
SHOWN = 5
"""Settings that a message names."""


def check_settings(path: Path, state: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse to go on from another computation.

    Args:
        path: Of the state, for messages.
        state: As `gnn_dml.experiments.run.Run` writes it.
        config: Of the run.

    Raises:
        UserError: Naming the settings that differ.
        ValueError: If they differ and the state, of an earlier version, does not say in what.
    """
    if state["config"] == digest(config):
        return
    there, here = state.get("settings"), counted_settings(config)
    if not isinstance(there, dict):
        raise ValueError("it is of other settings")
    names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    differing = ", ".join(f"{name} was {there.get(name)} and is {here.get(name)}" for name in names[:SHOWN])
    raise UserError(f"{path} is of other settings: {differing or 'of an earlier version'}; {_AGAIN}")


def load_trainer(path: Path, state: Mapping[str, Any], trainer: Trainer) -> None:
    """Put a trainer into the state.

    Args:
        path: Of the state, for messages.
        state: See `check_settings`; its file is known to be whole.
        trainer: Of the run.

    Raises:
        UserError: If its tensors are those of other classes or other code.
    """
    try:
        trainer.load_state_dict(state["trainer"])
    except (RuntimeError, KeyError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = " ".join(lines[:2])[:300] or type(error).__name__
        raise UserError(f"{path} does not fit the classes or the code of this run: {said}; {_AGAIN}") from error
