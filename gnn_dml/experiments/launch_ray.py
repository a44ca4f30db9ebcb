"""Workers as tasks of a Ray cluster, which starts them where there is room and again where a node goes."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from gnn_dml.errors import UserError
from gnn_dml.experiments.study_queue import Config, Say
from gnn_dml.experiments.worker import Job, package_path, work

RETRIES = 3
"""Times that Ray starts a worker again whose process or node has gone."""

_CLUSTER = ("address", "namespace", "runtime_env")
"""What is told to Ray; everything else is an option of each task."""


class RayWorkers:
    """Workers as tasks.

    Args:
        job: What each is told.
        jobs: How many.
        launch: `address` of a cluster ("auto" finds one; without it one begins on this machine), `namespace` and
            `runtime_env` of Ray, and options of each task: `num_cpus`, `num_gpus`, `resources`, `max_retries`.
        say: Called with a sentence where a worker ends in an error and others go on.

    Raises:
        UserError: If Ray is missing, or there is no cluster at the address.
    """

    def __init__(self, job: Job, jobs: int, launch: Mapping[str, Any], say: Say) -> None:
        try:
            import ray
        except ImportError as error:
            raise UserError("launcher ray needs Ray: pip install 'gnn-dml[cluster]'") from error
        self._ray, self._say = ray, say
        options = {"num_cpus": 1, "max_retries": RETRIES, **launch}
        cluster = {name: options.pop(name) for name in _CLUSTER if name in options}
        self._began = not ray.is_initialized()
        os.environ["PYTHONPATH"] = package_path()  # of the processes that a cluster of this machine starts
        try:
            if self._began:
                ray.init(
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    include_dashboard=None if "address" in cluster else False,
                    **cluster,
                )
            task = ray.remote(**options)(_work)
            self._tasks = [task.remote(job.as_json()) for _ in range(jobs)]
        except (ValueError, TypeError, OSError, RuntimeError) as error:
            raise UserError(f"Ray cannot start the workers: {' '.join(str(error).split())[:500]}") from error
        self._said: set[Any] = set()

    def check(self, unfinished: Sequence[Config]) -> int:
        """How many wait for room or work.

        Raises:
            UserError: If all have ended and one of them in an error.
        """
        ended, alive = self._ray.wait(self._tasks, num_returns=len(self._tasks), timeout=0)
        errors = {task: error for task in ended if (error := self._error_of(task)) is not None}
        if unfinished and errors and not alive:
            raise UserError(f"a worker of Ray has ended in an error: {next(iter(errors.values()))}")
        for task, error in errors.items():
            if task not in self._said:
                self._said.add(task)
                self._say(f"a worker of Ray has ended in an error, and others go on: {error}")
        return len(alive)

    def stop(self, *, finished: bool) -> None:
        """Cancel what is not done, and end a cluster that began here."""
        del finished
        _, alive = self._ray.wait(self._tasks, num_returns=len(self._tasks), timeout=0)
        for task in alive:
            self._ray.cancel(task, force=True)
        if self._began:
            self._ray.shutdown()

    def _error_of(self, task: Any) -> str | None:
        try:
            self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return lines[-1][:500] if lines else type(error).__name__
        return None


def _work(job: str) -> None:
    """A worker of Ray; what it is told comes as text, which every version of Python reads alike."""
    work(Job.from_json(job))
