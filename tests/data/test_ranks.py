from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.data import DistinctSampler, GroupSampler, RedrawnGroupSampler
from gnn_dml.data.ranks import RankSlices, slice_batch
from gnn_dml.errors import UserError

LABELS = torch.arange(60) // 6


@given(count=st.integers(1, 40), world=st.integers(1, 9))
def test_parts_are_those_of_numpy(count, world):
    batch = list(range(count))
    if count < world:
        with pytest.raises(UserError, match=f"a batch of {count} images cannot be cut over world_size={world}"):
            slice_batch(batch, 0, world)
        return
    expected = [part.tolist() for part in np.array_split(batch, world)]
    assert [slice_batch(batch, rank, world) for rank in range(world)] == expected


@pytest.mark.parametrize("kind", [GroupSampler, RedrawnGroupSampler, DistinctSampler])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_together_hold_every_batch_of_one_process(kind, world):
    """And each image knows how often it has come before, whoever loaded it."""
    for epoch in range(3):
        samplers = [kind(LABELS, 3, 4, seed=5) for _ in range(world + 1)]
        for sampler in samplers:
            sampler.set_epoch(epoch)
        slices = [RankSlices(sampler, rank=r, world_size=world) for r, sampler in enumerate(samplers[1:])]
        assert {len(part) for part in slices} == {len(samplers[0])}
        seen = Counter()
        for batch, *parts in zip(samplers[0], *slices, strict=True):
            expected = []
            for position in batch:
                expected.append((position, seen[position]))
                seen[position] += 1
            assert [draw for part in parts for draw in part] == expected


@pytest.mark.parametrize(
    ("rank", "world", "said"), [(2, 2, "below world_size=2, not 2"), (-1, 2, "not -1"), (0, 0, "world_size")]
)
def test_wrong_ranks_are_named(rank, world, said):
    with pytest.raises(UserError, match=said):
        RankSlices(GroupSampler(LABELS, 2, 2, seed=0), rank=rank, world_size=world)
