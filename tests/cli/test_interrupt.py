"""Ctrl-C is not lost, wherever it comes: real signals to this process."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading

import pytest

import gnn_dml.cli.data as command
from gnn_dml.cli import interrupt
from gnn_dml.cli.main import main


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_it_is_raised_and_remembered_and_the_old_handler_comes_back():
    before = signal.getsignal(signal.SIGINT)
    with interrupt.watch():
        interrupt.check()
        with pytest.raises(KeyboardInterrupt):
            press()
        assert interrupt.was_asked()
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    assert signal.getsignal(signal.SIGINT) is before
    with interrupt.watch():
        assert not interrupt.was_asked()


class Pressing:
    """In a circle of references, so that the collector finds it, and drops what is raised here."""

    def __init__(self):
        self.me = self

    def __del__(self):
        press()


def test_pressed_while_memory_is_collected_it_ends_the_loop_and_shows_nothing(capsys):
    with interrupt.watch():
        with contextlib.suppress(KeyboardInterrupt):
            Pressing()
            gc.collect()
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    assert "KeyboardInterrupt" not in capsys.readouterr().err


class Failing:
    """An error that Python can only show."""

    def __del__(self):
        raise OSError


def test_other_lost_errors_are_still_shown(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: seen.append(lost.exc_type))
    with interrupt.watch():
        Failing()
        gc.collect()
    assert seen == [OSError]


def test_in_another_thread_nothing_is_watched():
    inside, before = [], signal.getsignal(signal.SIGINT)

    def work():
        with interrupt.watch():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [before]


@pytest.mark.parametrize("swallowed", ["made another error", "dropped"])
def test_whatever_a_library_makes_of_it_it_ends_as_an_interrupt(swallowed, monkeypatch, capsys):
    def run(arguments):
        with contextlib.suppress(KeyboardInterrupt):
            press()
        if swallowed == "made another error":
            raise IndexError
        return 0

    monkeypatch.setattr(command, "run", run)
    assert main(["data", "list"]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_pressed_twice_it_ends_at_once():
    script = (
        "import os, signal\nfrom gnn_dml.cli import interrupt\n"
        "with interrupt.watch():\n"
        "    for _ in range(2):\n"
        "        try: os.kill(os.getpid(), signal.SIGINT)\n"
        "        except KeyboardInterrupt: pass\n"
        "    print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
