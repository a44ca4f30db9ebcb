"""Attention by class, against a loop over pairs."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics import class_attention


def slow(attention, labels):
    """Sums of one head (N, N), pair by pair."""
    same = others = 0.0
    for i in range(len(labels)):
        for j in range(len(labels)):
            if i != j:
                others += attention[i, j].item()
                same += attention[i, j].item() if labels[i] == labels[j] else 0.0
    return same, others


@given(n=st.integers(1, 8), heads=st.integers(1, 3), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_equals_the_loop_in_both_forms(n, heads, seed):
    generator = torch.Generator().manual_seed(seed)
    attention = torch.rand(heads, n, n, generator=generator, dtype=torch.float64)
    attention *= torch.rand(n, n, generator=generator) < 0.7
    labels = torch.randint(3, (n,), generator=generator)
    source, target = attention[0].T.nonzero().T
    along = class_attention(attention[:, target, source].T, labels, torch.stack([source, target]))
    for found in (class_attention(attention, labels), along):
        for h in range(heads):
            assert (found.same[h].item(), found.others[h].item()) == pytest.approx(slow(attention[h], labels))


def test_by_hand():
    """Node 0 gives half to itself, a quarter to its class-mate and a quarter to the stranger."""
    attention = torch.tensor([[[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]])
    found = class_attention(attention, torch.tensor([7, 7, 9]))
    assert (found.same.item(), found.others.item()) == (0.25, 1.5)
    assert found.purity.item() == pytest.approx(1 / 6)


def test_no_attention_to_others_has_no_purity():
    assert math.isnan(class_attention(torch.eye(3)[None], torch.arange(3)).purity.item())


@pytest.mark.parametrize(
    ("shape", "edges", "message"),
    [((2, 3, 4), None, r"\(H, 3, 3\), not \(2, 3, 4\)"), ((5, 2), (2, 4), r"\(4, H\), not \(5, 2\)")],
)
def test_wrong_shapes_are_named(shape, edges, message):
    index = None if edges is None else torch.zeros(edges, dtype=torch.long)
    with pytest.raises(ValueError, match=message):
        class_attention(torch.zeros(shape), torch.zeros(3, dtype=torch.long), index)
