"""A study that other processes run: they are started, its folder is watched, and each row comes when its run ends.

Whoever starts the workers, they share the runs by the claims in the folder, so nothing here hands out work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from gnn_dml.errors import UserError
from gnn_dml.experiments.reuse import find_run
from gnn_dml.experiments.run_all import run_all, say_once
from gnn_dml.experiments.status import StatusReader, StudyStatus
from gnn_dml.experiments.study_queue import Config, Say, StudyQueue, ended_row

if TYPE_CHECKING:
    from gnn_dml.experiments.worker import Job

LAUNCHERS = ("slurm", "ray")
MOST_JOBS = 4096
LOOK = 1.0
"""Seconds between two looks at the folder."""

LAST = 20.0
"""Seconds that workers have to end by themselves once no run is left."""

OnStatus = Callable[[StudyStatus], object]
"""Called again and again with how the study stands."""


class Workers(Protocol):
    """Processes that work on a study."""

    def check(self, unfinished: Sequence[Config]) -> int:
        """Look after them; how many are alive.

        Raises:
            UserError: If they cannot go on.
        """
        ...

    def stop(self, *, finished: bool) -> None:
        """End them; `finished` if no run is left."""
        ...


def check_launch(jobs: int, launcher: str | None, launch: Mapping[str, Any] | None) -> None:
    """Refuse what cannot be started.

    Raises:
        UserError: Naming it.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= MOST_JOBS:
        raise UserError(f"jobs must be a whole number from 1 to {MOST_JOBS}, not {jobs}")
    if launcher is not None and launcher not in LAUNCHERS:
        raise UserError(f"launcher must be one of {', '.join(LAUNCHERS)}, not {launcher!r}")
    if launch and launcher is None:
        raise UserError(f"{next(iter(launch))}={next(iter(launch.values()))} is for a launcher, and none is named")


def run_elsewhere(
    queue: StudyQueue,
    job: Job,
    jobs: int,
    launcher: str | None,
    launch: Mapping[str, Any],
    *,
    on_status: OnStatus | None,
    say: Say,
) -> Iterator[tuple[Config, dict[str, Any], bool]]:
    """Start workers and watch them.

    Args:
        queue: The runs.
        job: What each worker is told.
        jobs: How many.
        launcher: Who starts them; None starts processes here.
        launch: What the launcher is told.
        on_status: See `OnStatus`.
        say: Called with sentences of the workers.

    Yields:
        As `gnn_dml.experiments.run_all.run_all` does.

    Raises:
        UserError: If the workers cannot be started, or cannot go on.
    """
    say = say_once(say)
    done = [config for config in queue.configs if ended_row(config) is not None]
    # What a killed process left beside a finished run is put right here.
    yield from run_all(done, say=say, on_unwritten=queue.unwritten.append, on_failed=lambda config, error: None)
    known = {id(config) for config in done}
    left = [config for config in queue.configs if id(config) not in known]
    if not left:
        return
    workers = _start(queue, replace(job, collect=launcher is not None), min(jobs, len(left)), launcher, launch, say)
    reader = StatusReader(queue.folder)
    try:
        while left:
            alive = workers.check(left)
            ended = [(config, row) for config in left if (row := ended_row(config)) is not None]
            for config, row in ended:
                yield config, {**row, "run_id": find_run(config).name}, False
            gone = {id(config) for config, _ in ended}
            left = [config for config in left if id(config) not in gone]
            if on_status is not None:
                on_status(reader.read())
            if left and not ended and not alive:
                raise UserError(
                    f"the workers of {queue.folder} have ended, and {len(left)} runs have not; the same command goes on"
                )
            if left:
                time.sleep(LOOK)
        until = time.monotonic() + LAST
        while workers.check([]) and time.monotonic() < until:  # they give claims back and draw what is left to draw
            time.sleep(LOOK / 10)
    finally:
        workers.stop(finished=not left)


def _start(
    queue: StudyQueue, job: Job, jobs: int, launcher: str | None, launch: Mapping[str, Any], say: Say
) -> Workers:
    if launcher == "slurm":
        from gnn_dml.experiments.launch_slurm import SlurmWorkers

        return SlurmWorkers(job, jobs, queue.folder, launch, say)
    if launcher == "ray":
        from gnn_dml.experiments.launch_ray import RayWorkers

        return RayWorkers(job, jobs, launch, say)
    from gnn_dml.experiments.launch_local import LocalWorkers

    return LocalWorkers(job, jobs, queue.configs, say)
