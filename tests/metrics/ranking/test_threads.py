import threading

import pytest
import torch

from gnn_dml.metrics.ranking.threads import side_by_side


def test_results_are_in_order_and_torch_is_left_as_it_was():
    before, used = torch.get_num_threads(), set()

    def work(i):
        used.add((threading.get_ident(), torch.get_num_threads(), torch.is_grad_enabled()))
        return i * i

    assert side_by_side(work, range(20), torch.device("cpu")) == [i * i for i in range(20)]
    assert torch.get_num_threads() == before
    assert torch.is_grad_enabled()
    if before > 1:
        assert {(threads, grad) for _, threads, grad in used} == {(1, False)}


def test_an_error_comes_out_and_torch_is_left_as_it_was():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda i: 1 // i, [1, 0, 2], torch.device("cpu"))
    assert torch.get_num_threads() == before
