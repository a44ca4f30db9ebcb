"""Many runs, shared with whatever other processes work on the same folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.errors import UserError
from gnn_dml.experiments.claim import BEAT, LOSSES, ClaimLostError
from gnn_dml.experiments.failed import UnwritableError, failed_row, write_failed
from gnn_dml.experiments.finished import finished_row
from gnn_dml.experiments.leftovers import draw_neighbours, has_leftovers, remove_leftovers
from gnn_dml.experiments.reuse import find_run, run_folder
from gnn_dml.experiments.watch import PATIENCE, OnWait, Watch, poll_seconds

if TYPE_CHECKING:
    from gnn_dml.experiments.run import OnEpoch, OnStart

Config = dict[str, Any]


def run_all(
    configs: Sequence[Config],
    *,
    on_start: OnStart | None = None,
    on_run: Callable[[Config], OnStart | None] | None = None,
    on_epoch: OnEpoch = lambda row: None,
    on_wait: OnWait | None = None,
    say: Callable[[str], object] = lambda sentence: None,
    on_unwritten: Callable[[str], object] | None = None,
    on_failed: Callable[[Config, Exception], object] | None = None,
    beat: float = BEAT,
    patience: float = PATIENCE,
) -> Iterator[tuple[Config, dict[str, Any], bool]]:
    """Run what is not done; each run once between any number of processes.

    A run that another process is at work on is passed over and looked at again later; it is taken over if that process
    is dead. So is one that was taken over from here while it was trained.

    Args:
        configs: Resolved.
        on_start: For progress bars; see `gnn_dml.experiments.run.OnStart`.
        on_run: Called before a run is trained here, with its settings; what it returns takes the place of `on_start`.
        on_epoch: For a line per epoch; see `gnn_dml.experiments.run.OnEpoch`.
        on_wait: Called once with a sentence, if all that is left is done by others.
        say: Called with a sentence if an interrupted run cannot be gone on with and begins anew.
        on_unwritten: Called with a sentence where a run is done and its picture cannot be written; without it that is
            an error.
        on_failed: Called where a run ends in an error, which then stands in its row; the others go on. What it raises
            ends all of them. A run that has failed before is not tried again. Without it an error is an error.
        beat: Seconds between two signs of life of this process in the folder of a run.
        patience: Seconds without one after which another process counts as dead.

    Yields:
        For every configuration, in the order in which they end: itself, its row, and whether the row was there already
        or came from another process.

    Raises:
        UserError: If a result file cannot be read, or a folder cannot be written.
        ClaimLostError: If other processes have taken the same run over again and again.
        Exception: Whatever ends a run, without `on_failed`.
    """
    say = say_once(say)
    watches = [Watch(run_folder(config), beat=beat, patience=patience) for config in configs]
    left, said = list(zip(configs, watches, strict=True)), False
    losses: Counter[Path] = Counter()
    while left:
        others, lost = [], False
        for config, watch in left:
            start = (lambda one: on_start) if on_run is None else on_run
            try:
                ended = _try(config, watch, start, on_epoch, say, on_unwritten, on_failed)
            except ClaimLostError as error:
                losses[watch.folder] += 1
                if losses[watch.folder] == LOSSES:
                    raise
                say(str(error))
                ended, lost = None, True
            if ended is None:
                others.append((config, watch))
            else:
                yield config, *ended
        if len(others) == len(left) and not lost:
            if on_wait is not None and not said:
                said = True
                on_wait(others[0][1].sentence())
            time.sleep(poll_seconds(patience))
        left = others


def say_once(say: Callable[[str], object]) -> Callable[[str], object]:
    """The same, but for sentences that were said already: the runs of a study share their data."""
    known: set[str] = set()

    def say_new(sentence: str) -> None:
        if sentence not in known:
            known.add(sentence)
            say(sentence)

    return say_new


def _try(
    config: Config,
    watch: Watch,
    on_run: Callable[[Config], OnStart | None],
    on_epoch: OnEpoch,
    say: Callable[[str], object],
    on_unwritten: Callable[[str], object] | None,
    on_failed: Callable[[Config, Exception], object] | None,
) -> tuple[dict[str, Any], bool] | None:
    """The row and whether it is another's; None where somebody else is at work on the run.

    Raises:
        ClaimLostError: If somebody else has taken it over meanwhile.
    """
    folder, pictures = find_run(config), config.get("pictures", True)
    row, reused = finished_row(folder), True
    if row is None and on_failed is not None and (failed := failed_row(folder)) is not None:
        return failed, reused
    if folder != watch.folder:  # of an earlier version, and finished: nobody claims that one
        if pictures:
            _draw(folder, on_unwritten)
    elif row is None or has_leftovers(folder, pictures=pictures):
        try:
            claim = watch.claim()
        except UserError:
            if row is None:
                raise
            return {**row, "run_id": folder.name}, reused  # a finished run in a folder that is only to be read
        if claim is None:
            return None
        with claim:
            row = finished_row(folder)
            if row is None:
                # torch is loaded here: every sentence about wrong settings has been said by now.
                from gnn_dml.experiments.run import Run

                run = Run(config, on_start=on_run(config), on_epoch=on_epoch, say=say, on_unwritten=on_unwritten)
                try:
                    row, reused = run.execute_claimed(claim), False
                except (ClaimLostError, UnwritableError):
                    raise
                except Exception as error:  # whatever can go wrong with one cell
                    if on_failed is None:
                        raise
                    on_failed(config, error)
                    claim.confirm()
                    return write_failed(folder, config, error), False
            claim.confirm()
            remove_leftovers(folder)
            if pictures:
                _draw(folder, on_unwritten, again=not reused)
    assert row is not None
    return {**row, "run_id": folder.name}, reused


def _draw(folder: Path, on_unwritten: Callable[[str], object] | None, *, again: bool = False) -> None:
    """The picture of a run that is done."""
    try:
        draw_neighbours(folder, again=again)
    except UserError as error:
        if on_unwritten is None:
            raise
        on_unwritten(str(error))
