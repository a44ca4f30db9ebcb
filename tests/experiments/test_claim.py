"""Claims on a folder: alone, between threads, and lost to another process."""

import signal
import threading

import pytest

from gnn_dml.experiments.claim import ClaimLostError
from gnn_dml.experiments.files import write_text
from gnn_dml.experiments.watch import wait_for_claim

OWNER = """
import sys, time
from pathlib import Path
from gnn_dml.experiments.watch import wait_for_claim
claim = wait_for_claim(Path(sys.argv[1]), beat=0.05, patience=30)
print("mine", flush=True)
sys.stdin.readline()
claim.confirm()
print("still mine", flush=True)
claim.release()
"""


def test_a_claim_leaves_nothing(tmp_path):
    folder = tmp_path / "study" / "run"
    with wait_for_claim(folder) as claim:
        claim.confirm()
        assert [path.name for path in folder.iterdir()] == ["claim.1.json"]
    assert [path.name for path in tmp_path.iterdir()] == []
    with pytest.raises(ZeroDivisionError), wait_for_claim(folder) as claim:
        write_text(folder / "x", str(1 / 0), confirm=claim.confirm)
    assert not folder.exists()
    with wait_for_claim(folder) as claim:
        write_text(folder / "x", "x", confirm=claim.confirm)
    assert [path.name for path in folder.iterdir()] == ["x"]


def test_a_stopped_owner_that_goes_on_is_told(processes, tmp_path):
    owner = processes.Process("-c", OWNER, tmp_path)
    assert owner.stdout.readline() == "mine\n"
    owner.send_signal(signal.SIGSTOP)
    try:
        claim = wait_for_claim(tmp_path, beat=0.1, patience=0.5)
    finally:
        owner.send_signal(signal.SIGCONT)
    out, error = owner.communicate("go on\n")
    assert "still mine" not in out
    assert "taken over by another process" in error
    claim.confirm()
    claim.release()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_former_owner_stays_told_when_the_numbers_begin_again(tmp_path):
    former = wait_for_claim(tmp_path, beat=0.1)
    (tmp_path / "claim.1.json").unlink()  # as the one that took over does at its end
    with wait_for_claim(tmp_path, beat=0.1) as later:
        assert later.generation == 1
        with pytest.raises(ClaimLostError, match="taken over"):
            write_text(tmp_path / "x", "x", confirm=former.confirm)
        former.release()
        later.confirm()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_one_of_many_threads_has_it(tmp_path):
    inside, seen = [], []

    def work():
        for _ in range(5):
            with wait_for_claim(tmp_path / "run", beat=0.5, patience=0.6):
                inside.append(1)
                seen.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 20
