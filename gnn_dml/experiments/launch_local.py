"""Workers on this machine: processes that share its cores and GPUs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from gnn_dml.errors import UserError
from gnn_dml.experiments.failed import write_failed
from gnn_dml.experiments.reuse import run_folder
from gnn_dml.experiments.study_queue import Config, Say, ended_row
from gnn_dml.experiments.watch import Watch, claim_of
from gnn_dml.experiments.worker import GRACE, Job, package_path

DEATHS = 3
"""Workers that may die over one run, which then has failed; or one after the other with no run."""


class LocalWorkers:
    """Worker processes.

    A worker whose process dies is replaced, and the others take its run over meanwhile. A run over which several died
    has failed: it may have no memory, and the study goes on without it.

    Args:
        job: What each is told.
        jobs: How many.
        configs: The runs; what they say of devices decides whether GPUs are shared.
        say: Called with their sentences.
    """

    def __init__(self, job: Job, jobs: int, configs: Sequence[Config], say: Say) -> None:
        self._job = job.as_json()
        self._say = say
        self._sentences: SimpleQueue[str] = SimpleQueue()
        self._deaths: Counter[str] = Counter()
        gpus = visible_gpus() if any(str(config["device"]) in ("auto", "cuda") for config in configs) else []
        self._environments = [worker_environment(number, jobs, gpus, os.environ) for number in range(jobs)]
        self._workers = [_Worker(self._job, environment, self._sentences) for environment in self._environments]

    def check(self, unfinished: Sequence[Config]) -> int:
        """Replace those that died; how many are alive.

        Raises:
            UserError: If one says what a user can put right, or they die again and again.
        """
        self._pass_on()
        for number, worker in enumerate(self._workers):
            code = worker.process.poll()
            if code is None or code == 0:
                continue
            if code == 2:
                self._pass_on()
                raise UserError(worker.last_words() or "a worker has ended with the exit code 2")
            if not unfinished:
                continue
            self._count_death(worker, code, unfinished)
            self._workers[number] = _Worker(self._job, self._environments[number], self._sentences)
        return sum(worker.process.poll() is None for worker in self._workers)

    def stop(self, *, finished: bool) -> None:
        """Close their inputs, upon which they end; kill those that do not."""
        del finished
        for worker in self._workers:
            worker.close()
        for worker in self._workers:
            try:
                worker.process.wait(GRACE + 1)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._pass_on()

    def _count_death(self, worker: _Worker, code: int, unfinished: Sequence[Config]) -> None:
        """Say that a worker died; where too many did, the run they were at has failed."""
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        config = next((one for one in unfinished if _is_owner(worker.process.pid, one)), None)
        run = "" if config is None else f"{config['cell']} seed {config['seed']}"
        self._deaths[run] += 1
        self._say(f"worker {worker.process.pid} has died ({how}){run and f' at {run}'}; another takes its place")
        if self._deaths[run] < DEATHS:
            return
        words = worker.last_words()
        if config is None:
            raise UserError(f"workers die again and again ({how}): {words or 'they said nothing'}")
        claim = Watch(run_folder(config)).claim()
        if claim is not None and ended_row(config) is None:
            with claim:
                write_failed(
                    run_folder(config), config, f"{DEATHS} processes died over it ({how}): {words}".rstrip(": ")
                )

    def _pass_on(self) -> None:
        """What the workers said, from the thread that called."""
        with suppress(Empty):
            while True:
                self._say(self._sentences.get_nowait())


class _Worker:
    """One process; its errors go to a file without a name, so that it never waits for a reader."""

    def __init__(self, job: str, environment: Mapping[str, str], sentences: SimpleQueue[str]) -> None:
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed with the worker
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gnn_dml.experiments.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            errors="replace",
            env=dict(environment),
            start_new_session=True,  # Ctrl-C comes to whoever started it, who closes its input
        )
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once: `check` finds out
            self.process.stdin.write(f"{job}\n")
            self.process.stdin.flush()
        threading.Thread(target=self._listen, args=(sentences,), daemon=True).start()

    def _listen(self, sentences: SimpleQueue[str]) -> None:
        assert self.process.stdout is not None
        with suppress(ValueError):  # closed while it is read
            for line in self.process.stdout:
                sentences.put(line.rstrip("\n"))

    def last_words(self) -> str:
        """The last line that it wrote as an error."""
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return lines[-1][:500] if lines else ""

    def close(self) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()


def _is_owner(pid: int, config: Config) -> bool:
    """Whether the claim of a run is that of a process of this machine."""
    said = claim_of(run_folder(config))
    return said is not None and said.get("pid") == pid and said.get("host") == socket.gethostname()


def worker_environment(
    number: int, jobs: int, gpus: Sequence[str], environment: Mapping[str, str], cores: int | None = None
) -> dict[str, str]:
    """The environment of a worker: its share of the cores, and one GPU of those there are, in turn.

    Args:
        number: Of the worker, from 0.
        jobs: How many workers there are.
        gpus: Names of the GPUs that may be used.
        environment: Of this process; a number of threads in it that is lower stays.
        cores: That this process may use; None asks the system.
    """
    cores = usable_cores() if cores is None else cores
    share = max(1, cores // jobs)
    found = {**environment, "PYTHONPATH": package_path()}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        typed = environment.get(name, "")
        found[name] = str(min(share, int(typed)) if typed.isdigit() and int(typed) else share)
    if gpus:
        found["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    return found


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus(environment: Mapping[str, str] | None = None) -> list[str]:
    """The GPUs of this machine that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    said = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES")
    if said is not None:
        return [name.strip() for name in said.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]
