"""A process that loads images and is ended from outside is named in a sentence."""

import os
import signal

import pytest
from torch.utils.data import DataLoader, Dataset

from gnn_dml.data.workers import watch_workers
from gnn_dml.errors import UserError


class Killed(Dataset):
    """Whose third item ends the process that loads it, as a system out of memory does."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_a_killed_process_is_a_sentence():
    with pytest.raises(UserError, match=r"a process that loads images has ended .*workers=0") as caught:
        list(watch_workers(DataLoader(Killed(), num_workers=1)))
    assert "\n" not in str(caught.value)


def test_other_errors_and_all_batches_come_through():
    assert list(watch_workers(iter([1, 2]))) == [1, 2]

    def fail():
        yield 1
        raise RuntimeError("of the user's own")

    with pytest.raises(RuntimeError, match="own"):
        list(watch_workers(fail()))
