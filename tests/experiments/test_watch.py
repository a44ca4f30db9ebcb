"""Watching a folder: the living, the dead, the silent of another host, and gaps in the watching itself."""

import json
import signal
import threading
import time

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments.watch import Watch, wait_for_claim

OWNER = """
import sys
from pathlib import Path
from gnn_dml.experiments.watch import wait_for_claim
claim = wait_for_claim(Path(sys.argv[1]), beat=0.05, patience=30)
print("mine", flush=True)
sys.stdin.readline()
"""


def start_owner(processes, folder):
    owner = processes.Process("-c", OWNER, folder)
    assert owner.stdout.readline() == "mine\n"
    return owner


def foreign_claim(folder, beat=0):
    """What a process on another host would have written."""
    folder.mkdir(exist_ok=True)
    said = {"token": "t", "host": "elsewhere", "boot": "another", "pid": 7, "locked": True, "beat": beat}
    (folder / "claim.3.json").write_text(json.dumps(said))


def test_the_living_are_not_overtaken_and_the_killed_at_once(processes, tmp_path):
    owner = start_owner(processes, tmp_path)
    watch = Watch(tmp_path, beat=0.05, patience=30)
    assert watch.claim() is None
    assert f"process {owner.pid} on " in watch.sentence()
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    start = time.monotonic()
    with wait_for_claim(tmp_path, beat=0.05, patience=30) as claim:
        assert claim.generation == 2
    assert time.monotonic() - start < 20
    assert [path.name for path in tmp_path.iterdir()] == []


@pytest.mark.parametrize("key", ["device", "inode", "boot"])
@pytest.mark.parametrize("change", ["other", "missing"])
def test_a_lock_on_what_may_be_another_file_says_nothing(processes, tmp_path, key, change):
    """A mount without locks, a copy of a running machine, a claim of an earlier version: the heartbeat decides."""
    owner = start_owner(processes, tmp_path)
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    path = tmp_path / "claim.1.json"
    said = json.loads(path.read_text())
    if change == "missing":
        del said[key]
    else:
        said[key] = "another" if key == "boot" else said[key] + 1
    path.write_text(json.dumps(said))  # into the same file
    watch = Watch(tmp_path, beat=0.05, patience=0.5)
    assert watch.claim() is None
    with wait_for_claim(tmp_path, beat=0.05, patience=0.5) as claim:
        assert claim.generation == 2


def test_the_silent_of_another_host_is_overtaken(tmp_path):
    foreign_claim(tmp_path)
    sentences = []
    start = time.monotonic()
    with wait_for_claim(tmp_path, beat=0.1, patience=0.5, on_wait=sentences.append) as claim:
        assert time.monotonic() - start >= 0.5
        assert claim.generation == 4
    assert len(sentences) == 1
    assert "process 7 on elsewhere" in sentences[0]
    assert [path.name for path in tmp_path.iterdir()] == []


def test_the_beating_of_another_host_is_waited_for(tmp_path):
    ended, released = threading.Event(), []

    def elsewhere():
        for beat in range(10**6):
            foreign_claim(tmp_path, beat)
            if ended.wait(0.05):
                break
        released.append(time.monotonic())
        (tmp_path / "claim.3.json").unlink()

    foreign_claim(tmp_path)
    thread = threading.Thread(target=elsewhere)
    thread.start()
    threading.Timer(3, ended.set).start()
    with wait_for_claim(tmp_path, beat=0.1, patience=1.5):
        assert released
    thread.join()


def test_silence_counts_only_while_it_is_watched(tmp_path):
    """Both processes are stopped for an hour; the owner needs a moment after it to give a sign."""
    now = [100.0]
    foreign_claim(tmp_path)
    watch = Watch(tmp_path, beat=10, patience=60, clock=lambda: now[0])
    assert watch.claim() is None
    now[0] += 5
    assert watch.claim() is None
    now[0] += 3600
    assert watch.claim() is None
    foreign_claim(tmp_path, beat=1)
    for _ in range(60):  # the first of these looks sees the sign of life
        now[0] += 1
        assert watch.claim() is None
    now[0] += 1
    with watch.claim() as claim:
        assert claim.generation == 4


def test_patience_is_longer_than_a_beat(tmp_path):
    with pytest.raises(UserError, match="patience=1"):
        Watch(tmp_path, beat=2, patience=1)
