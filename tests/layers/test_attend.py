"""Which kernel torch takes: with a mask or without, the one whose memory grows with N and not with N x N."""

import pytest
import torch

from gnn_dml.layers import DotProductAttention, TransformerConv
from gnn_dml.layers.attend import fused_attention

FUSED, PLAIN = "aten::_scaled_dot_product_flash_attention_for_cpu", "aten::_scaled_dot_product_attention_math"


def kernels(call):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        call()
    return {event.key for event in profiler.key_averages()} & {FUSED, PLAIN}


LAYERS = [
    DotProductAttention(16, 2, backend="dense"),
    DotProductAttention(16, 2, backend="dense", quiet=True),
    TransformerConv.for_dim(16, num_heads=2, backend="dense"),
]


@pytest.mark.parametrize("layer", LAYERS, ids=["plain", "quiet", "transformer"])
@pytest.mark.parametrize("batch", [(), (3,)], ids=["graph", "batch"])
@pytest.mark.parametrize("form", ["none", "shared", "own", "index"])
def test_the_kernel_is_fused_whatever_form_the_edges_have(layer, batch, form):
    x, shared = torch.randn(*batch, 10, 16), torch.rand(10, 10) < 0.5
    index = shared.T.nonzero().T
    edges = {"none": None, "shared": shared, "own": shared.expand(*batch, 10, 10), "index": index}[form]
    assert kernels(lambda: layer(x, edges)) == {FUSED}


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4), (2, 4, 4), (1, 2, 4, 4), (3, 1, 4, 4)])
@pytest.mark.parametrize("quiet", [False, True])
def test_masks_are_broadcast(shape, quiet):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(3, 2, 4, 5, generator=generator, dtype=torch.float64) for _ in range(3))
    mask = torch.rand(shape, generator=generator) < 0.6
    found = fused_attention(q, k, v, mask, quiet=quiet)
    whole = mask.expand(3, 2, 4, 4)
    for b in range(3):
        for h in range(2):
            for i in range(4):
                raw = {j: torch.exp(q[b, h, i] @ k[b, h, j] / 5**0.5) for j in range(4) if whole[b, h, i, j]}
                total = sum(raw.values()) + (1.0 if quiet else 0.0)
                expected = sum((e / total * v[b, h, j] for j, e in raw.items()), torch.zeros(5, dtype=torch.float64))
                torch.testing.assert_close(found[b, h, i], expected)
