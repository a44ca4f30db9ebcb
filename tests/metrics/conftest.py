"""Metrics share their work among the threads of torch, so here torch has two, as it would outside the tests."""

import pytest
import torch


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
