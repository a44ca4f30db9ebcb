"""Workers as an array of Slurm jobs, started by submitit; who starts and stops them is Slurm's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnn_dml.errors import UserError
from gnn_dml.experiments.study_queue import Config, Say
from gnn_dml.experiments.worker import Job, work

LOGS = ".jobs"
"""In the folder of the study: what submitit writes of its jobs."""


class ArrayTask:
    """A worker as a task of the array; Slurm may start it again where it takes the node back.

    Args:
        job: What it is told.
    """

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self) -> None:
        """Work until no run is left."""
        work(self.job)

    def checkpoint(self) -> Any:
        """What Slurm is to start again: the same, since finished epochs lie in the folder."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


class SlurmWorkers:
    """Workers as jobs.

    They outlive whoever started them: Ctrl-C ends the watching alone.

    Args:
        job: What each is told.
        jobs: How many, as one array.
        folder: Of the study.
        launch: Of submitit's `update_parameters`, for instance `slurm_partition`, `timeout_min`, `cpus_per_task`,
            `gpus_per_node`, `mem_gb`; and `cluster`, "slurm" by default, or "local" for processes of this machine.
        say: Called with how to look at them and how to end them.

    Raises:
        UserError: If submitit is missing, or refuses.
    """

    def __init__(self, job: Job, jobs: int, folder: Path, launch: Mapping[str, Any], say: Say) -> None:
        try:
            import submitit
        except ImportError as error:
            raise UserError("launcher slurm needs submitit: pip install 'gnn-dml[cluster]'") from error
        options = {"name": f"gnn-dml-{job.study.name}", **launch}
        cluster = str(options.pop("cluster", "slurm"))
        self._local = cluster != "slurm"
        try:
            executor = submitit.AutoExecutor(folder=folder.absolute() / LOGS, cluster=cluster)
            executor.update_parameters(**options)
            with executor.batch():
                self._jobs = [executor.submit(ArrayTask(job)) for _ in range(jobs)]
        except Exception as error:  # submitit raises its own, and what `sbatch` says
            raise UserError(f"submitit cannot start the jobs: {' '.join(str(error).split())[:500]}") from error
        if not self._local:
            say(
                f"Slurm has {jobs} jobs, {self._jobs[0].job_id.partition('_')[0]}; they go on without this process: "
                f"`gnn-dml status {folder}` looks at them, `scancel` ends them, and their words are in {folder / LOGS}"
            )

    def check(self, unfinished: Sequence[Config]) -> int:
        """How many are queued or at work.

        Raises:
            UserError: If all have ended and one of them in an error.
        """
        ended = [job for job in self._jobs if job.done()]
        if unfinished and len(ended) == len(self._jobs):
            for job in ended:
                if (error := job.exception()) is not None:
                    raise UserError(f"job {job.job_id} has ended in an error: {_last_line(error)}")
        return len(self._jobs) - len(ended)

    def stop(self, *, finished: bool) -> None:
        """End those of this machine, and jobs of Slurm for which nothing is left; else Slurm's own go on."""
        for job in self._jobs if self._local or finished else []:
            if not job.done():
                job.cancel(check=False)


def _last_line(error: BaseException) -> str:
    """What went wrong at the end of the traceback that submitit hands over."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" -=\n")]
    return lines[-1][:500] if lines else type(error).__name__
