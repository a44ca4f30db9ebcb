"""A process that loads images and is ended from outside is named in a sentence."""

import pytest

from gnn_dml.data.workers import watch_workers
from gnn_dml.errors import UserError


def ends_with(message):
    """What a DataLoader does where a process of its own has ended; a real one would be told so by a signal, later."""
    yield 1
    raise RuntimeError(message)


@pytest.mark.parametrize(
    "message",
    [
        "DataLoader worker (pid 8) is killed by signal: Killed. ",
        "DataLoader worker (pid(s) 8, 9) exited unexpectedly",
        "DataLoader worker (pid 8) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
        "shared memory. Please try to raise your shared memory limit.",
    ],
)
def test_an_ended_process_is_a_sentence(message):
    with pytest.raises(UserError, match=r"a process that loads images has ended .*workers=0") as caught:
        list(watch_workers(ends_with(message)))
    assert "\n" not in str(caught.value)


def test_other_errors_and_all_batches_come_through():
    assert list(watch_workers(iter([1, 2]))) == [1, 2]
    with pytest.raises(RuntimeError, match="own"):
        list(watch_workers(ends_with("of the user's own")))
