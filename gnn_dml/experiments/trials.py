"""The trials of a search: numbered, kept in Optuna's storage, each asked and told once whatever is killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from gnn_dml.errors import UserError
from gnn_dml.experiments.search_space import Choice, SearchSpace

try:
    import optuna
except ImportError as error:
    raise UserError("a search for settings needs Optuna: pip install 'gnn-dml[tune]'") from error

STARTUP = 10
"""Trials that are random, before the estimator has something to go by; the same for every cell."""


class Trials:
    """The trials of one cell.

    Trial t is sampled from what the trials before it gave, with random numbers of its own that depend on t and the name
    of the setting alone. So a search that was killed at any moment goes on as if it had not been, and the cells of a
    study begin with the same trials.

    Args:
        folder: Of the search; its `trials.db` is the storage, its lock keeps processes apart.
        cell: Of the study.
        space: What is tried.
        basis: All else that decides what a trial computes; another one is another search.
    """

    def __init__(self, folder: Path, cell: str, space: SearchSpace, basis: Mapping[str, Any]) -> None:
        self.cell, self.space = cell, space
        self._lock = FileLock(folder / ".trials.lock")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        held = json.dumps(
            [cell, sorted(map(repr, space.settings.items())), space.sampler, space.by, basis], default=str
        )
        name = f"{cell} {hashlib.sha256(held.encode()).hexdigest()[:10]}"
        folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            storage = optuna.storages.RDBStorage(
                f"sqlite:///{folder / 'trials.db'}", engine_kwargs={"connect_args": {"timeout": 60}}
            )
            self._study = optuna.create_study(
                storage=storage, study_name=name, direction="maximize", load_if_exists=True
            )

    def ask(self, number: int) -> tuple[str, ...]:
        """The settings of trial `number`, as typed; sampled if it is new. The trials before it must have been told."""
        with self._lock:
            while len(known := self._study.get_trials(deepcopy=False)) <= number:
                self._study.ask()
            if known[number].state.is_finished():
                return self._typed(known[number].params)
            trial = optuna.trial.Trial(self._study, known[number]._trial_id)
            for name, domain in self.space.settings.items():
                if name in trial.params:
                    continue  # sampled before a kill
                self._study.sampler = self._sampler(number, name)
                if isinstance(domain, Choice):
                    trial.suggest_categorical(name, domain.values)
                elif domain.whole:
                    trial.suggest_int(name, int(domain.low), int(domain.high), log=domain.log)
                else:
                    trial.suggest_float(name, domain.low, domain.high, log=domain.log)
            return self._typed(trial.params)

    def tell(self, number: int, value: float) -> None:
        """Say what trial `number` gave, if nobody has."""
        with self._lock:
            if not self._study.get_trials(deepcopy=False)[number].state.is_finished():
                self._study.tell(number, value)

    def rows(self) -> list[dict[str, Any]]:
        """What was tried, a row per trial that is done: its number, settings and value."""
        return [
            {"trial": trial.number, "settings": self._typed(trial.params), "value": trial.value}
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state.is_finished()
        ]

    def _typed(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        typed = []
        for name, domain in self.space.settings.items():
            value = params[name]
            typed.append(f"{name}={value if isinstance(domain, Choice) else domain.text(value)}")
        return tuple(typed)

    def _sampler(self, number: int, name: str) -> optuna.samplers.BaseSampler:
        seed = int.from_bytes(hashlib.sha256(f"{number} {name}".encode()).digest()[:4], "big")
        if self.space.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)


def best(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The trial with the highest value, of equal ones the first."""
    return max(rows, key=lambda row: (row["value"], -row["trial"]))
