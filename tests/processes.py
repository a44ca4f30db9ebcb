"""Real processes that start in a moment: forks of one that has imported the libraries and the package.

A new interpreter needs seconds to import torch and what belongs to it. The processes here are forked from a server, the
standard library's `forkserver`, that did so once for all tests of a worker. Each has a process id, an exit code,
outputs and signals of its own; where its own path leads to another copy of the package, it imports that one. What is
settled when an interpreter starts (`python -m` itself, its hash seed, PYTHONWARNINGS, variables that a library reads
when it is imported, which modules are there before they are asked for) is the server's: a test of such a thing starts
an interpreter.
"""

import multiprocessing
import os
import pkgutil
import runpy
import subprocess
import tempfile
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import gnn_dml

PRELOADED = [
    *("hydra.utils", "matplotlib.figure", "pandas", "PIL.Image", "scipy.stats", "sklearn.cluster", "sklearn.metrics"),
    *("torch", "torch_geometric.nn", "torch_geometric.transforms", "torchvision.transforms.v2", "tqdm", "yaml"),
    *(module.name for module in pkgutil.walk_packages(gnn_dml.__path__, "gnn_dml.")),
]
CHILD = Path(__file__).with_name("process_child.py")
_started = []


class Process:
    """A running process, with the part of `subprocess.Popen` that the tests use; text in and out.

    What it writes to standard error is kept in a file until `communicate`, so that it never waits for a reader.
    """

    def __init__(self, *command, cwd=None, env=None):
        self.args = [str(word) for word in command]
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed by `communicate`
        (stdin, to_child), (from_child, stdout) = os.pipe(), os.pipe()
        self.stdin, self.stdout = os.fdopen(to_child, "w"), os.fdopen(from_child)
        job = {
            "command": self.args,
            "cwd": str(Path.cwd() if cwd is None else cwd),
            "env": dict(os.environ if env is None else env),
            "streams": [Connection(stdin), Connection(stdout), Connection(os.dup(self._errors.fileno()))],
        }
        self._process = server().Process(target=runpy.run_path, args=(str(CHILD), {"JOB": job}, "process_child"))
        self._process.start()
        for stream in job["streams"]:
            stream.close()
        _started.append(self)

    @property
    def pid(self):
        return self._process.pid

    @property
    def returncode(self):
        """Its exit code, minus the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def poll(self):
        return self.returncode

    def send_signal(self, number):
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self):
        self._process.kill()

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, text=""):
        """Writes `text`, waits for the end, and gives the rest of both outputs."""
        with suppress(BrokenPipeError):  # it may end without reading
            self.stdin.write(text)
            self.stdin.close()
        with self.stdout, self._errors:
            out = self.stdout.read()
            self.wait()
            self._errors.seek(0)
            return out, self._errors.read()


def server():
    """The context of the forks, whose server has loaded all that is to be there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def run(*command, cwd=None, env=None):
    """A process from its start to its end, as `subprocess.run` with captured text gives it.

    Args:
        command: What follows `python` on a command line: `-m`, a module and its arguments, or `-c`, code and arguments.
        cwd: Its working folder; that of the tests by default.
        env: All of its environment, with PYTHONPATH; that of the tests by default.
    """
    process = Process(*command, cwd=cwd, env=env)
    out, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def kill_all():
    """Ends what a test has left running."""
    for process in _started:
        process.kill()
