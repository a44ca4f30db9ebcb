"""A worker: a process that takes the next free run of a study's folder until none is left.

It is started by `gnn-dml ablate --jobs`, by Slurm or by Ray, on any machine that shares the folder: a worker does what
`gnn-dml ablate` does, by the same claims, and prints no table.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gnn_dml.errors import UserError
from gnn_dml.experiments.study import Study

GRACE = 20.0
"""Seconds that a worker has to give its claim back when it is told to end."""


@dataclass(frozen=True)
class Job:
    """What the workers of a study are told; plain values, so that it can be sent anywhere.

    Attributes:
        study: What it is.
        seeds: Of every cell.
        settings: As typed for every cell.
        config_dirs: Folders with YAMLs and classes of the user's own, absolute.
        only: Cells to run; all where there are none.
        collect: Whether the worker rebuilds results.csv when no run is left.
        folder: The working folder, from which `out=runs` counts.
    """

    study: Study
    seeds: tuple[int, ...]
    settings: tuple[str, ...] = ()
    config_dirs: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    collect: bool = False
    folder: str = field(default_factory=os.getcwd)

    def as_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """As written by `as_json`."""
        held: dict[str, Any] = json.loads(text)
        study = _tuples(held.pop("study"))
        study["cells"] = {cell: tuple(settings) for cell, settings in study["cells"].items()}
        return cls(study=Study(**study), **_tuples(held))


def work(job: Job, say: Callable[[str], object] = print) -> None:
    """Run what is free in the folder of a study, until every run has ended.

    Args:
        job: What to do.
        say: Called with sentences.

    Raises:
        UserError: If a file cannot be read or written.
    """
    from gnn_dml.experiments.run_all import run_all
    from gnn_dml.experiments.study_queue import open_queue

    os.chdir(job.folder)
    queue = open_queue(
        job.study,
        seeds=job.seeds,
        settings=job.settings,
        config_dirs=job.config_dirs,
        only=job.only,
        say=say,
    )
    run_ids = []
    done = run_all(
        queue.configs, say=say, on_unwritten=queue.unwritten.append, on_failed=lambda config, error: _check_asked()
    )
    for config, row, _ in done:
        run_ids.append(queue.record(config, row)["run_id"])
    if job.collect:
        queue.collect(run_ids, say)
    for sentence in dict.fromkeys(queue.unwritten):
        say(sentence)


_asked_to_end = threading.Event()


def main() -> int:
    """A worker that is told its job on standard input, and ends with the one who told it.

    Returns:
        An exit code: 0 if all was done, 2 for something that a user can put right, 130 when told to end.
    """
    line = sys.stdin.readline()
    if not line.strip():
        return 0
    # What a script starts in the background ignores the signal, and so would this: nothing could interrupt the run.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        work(Job.from_json(line), say=_say)
        _check_asked()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _say(sentence: str) -> None:
    print(" ".join(sentence.split()), flush=True)


def _check_asked() -> None:
    """A library may have made an error of its own of the interruption."""
    if _asked_to_end.is_set():
        raise KeyboardInterrupt


def _end_with_input() -> None:
    """Wait until standard input is closed, which its other end's death does too; then end this process, soon."""
    while os.read(0, 4096):  # not sys.stdin, whose lock this thread would hold when the process ends
        pass
    _asked_to_end.set()
    for _ in range(2):  # a library may swallow the first one
        _thread.interrupt_main()
        time.sleep(GRACE / 2)
    os._exit(130)


def _tuples(held: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in held.items()}


def package_path() -> str:
    """PYTHONPATH of a process that is to import this package and what this process has."""
    place = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(dict.fromkeys([place, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]))


if __name__ == "__main__":
    sys.exit(main())
