import os
import signal

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from gnn_dml.data.fetch import fetch
from gnn_dml.errors import UserError


class Ending(Dataset):
    """Images of which one makes its process end, as the system does where memory runs out."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros(1)


def test_a_worker_that_is_killed_is_a_sentence():
    with pytest.raises(UserError, match="a process that loads images has ended, most likely for want of memory"):
        list(fetch(DataLoader(Ending(), batch_size=1, num_workers=1)))


def test_everything_else_comes_through():
    assert list(fetch([1, 2, 3])) == [1, 2, 3]

    def broken():
        yield 1
        raise RuntimeError("another error")

    with pytest.raises(RuntimeError, match="another error"):
        list(fetch(broken()))
