"""Entropy and spread against loops over nodes."""

import math

import pytest
import torch

from gnn_dml.metrics.attention import attention_spread


def slow(logits, there):
    """Sums over nodes with two sources or more, for one head: entropy share, deviation of logits, nodes."""
    entropy = spread = nodes = 0
    for i in range(len(there)):
        heard = [logits[i][j].item() for j in range(len(there)) if there[i][j]]
        if len(heard) < 2:
            continue
        total = sum(math.exp(value) for value in heard)
        shares = [math.exp(value) / total for value in heard]
        mean = sum(heard) / len(heard)
        entropy += -sum(p * math.log(p) for p in shares) / math.log(len(heard))
        spread += math.sqrt(sum((value - mean) ** 2 for value in heard) / len(heard))
        nodes += 1
    return entropy, spread, nodes


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 5.0])
@pytest.mark.parametrize("quiet", [False, True])
def test_in_every_form(scale, quiet):
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(2, 7, 7, generator=generator)
    there = torch.rand(7, 7, generator=generator) < 0.6
    there[0] = False
    there[1] = torch.arange(7) == 3  # one source says nothing about attention
    masked = logits.masked_fill(~there, -torch.inf)
    attention = masked.softmax(-1).nan_to_num(0)
    if quiet:  # a null message takes a part of all
        attention = 0.3 * attention
    index = there.T.nonzero().T  # source, target
    matrix = attention_spread(attention, there, 7)
    edges = attention_spread(attention[:, index[1], index[0]].T, index, 7)
    for head in range(2):
        entropy, spread, nodes = slow(logits[head], there)
        for found in (matrix, edges):
            assert found.nodes == nodes
            assert found.entropy[head].item() == pytest.approx(entropy, rel=1e-4)
            assert found.logits[head].item() == pytest.approx(spread, rel=1e-3, abs=2e-3)


def test_the_complete_graph_needs_no_edges():
    attention = torch.randn(3, 5, 5).softmax(-1)
    every = torch.ones(5, 5, dtype=torch.bool)
    for name in ("entropy", "logits", "nodes"):
        bare, given = (getattr(attention_spread(attention, edges, 5), name) for edges in (None, every))
        torch.testing.assert_close(bare, given)


def test_no_node_with_two_sources_is_no_number():
    found = attention_spread(torch.eye(4)[None], torch.eye(4, dtype=torch.bool), 4)
    assert found.mean_entropy.isnan().all()
    assert found.mean_logits.isnan().all()


def test_attention_that_is_next_to_zero():
    """A share that float32 takes for 0 is no infinity."""
    attention = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    found = attention_spread(attention, None, 2)
    assert found.mean_entropy.item() == pytest.approx(0.5)
    assert found.mean_logits.isfinite().all()
