"""The number of neighbours against refining and scoring with each number alone."""

from functools import partial

import pytest
import torch
from torch.nn.functional import normalize

from gnn_dml.evaluation.choose import choose_neighbours
from gnn_dml.evaluation.neighbourhoods import NearestNeighbourhoods, ReciprocalNeighbourhoods
from gnn_dml.evaluation.refine import refine_in_neighbourhoods
from gnn_dml.evaluation.score import score_embedding
from gnn_dml.graphs import KNN, Complete
from gnn_dml.layers import DotProductAttention
from gnn_dml.models import Refiner

LABELS = torch.arange(6).repeat_interleave(4)


def clustered(noise, dim=16):
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(6, dim, generator=generator)
    return normalize(centres[LABELS] + noise * torch.randn(24, dim, generator=generator), dim=1)


def refiner():
    torch.manual_seed(0)
    layer = partial(DotProductAttention, num_heads=2)
    return Refiner(16, 3, layer, start="expansion", scale_input=True, feed_forward=False).eval()


@pytest.mark.parametrize("topology", [Complete(loop=False), KNN(4)])
@pytest.mark.parametrize("rule", [NearestNeighbourhoods, ReciprocalNeighbourhoods])
@pytest.mark.parametrize("with_query", [False, True])
def test_each_number_scores_as_it_does_alone(topology, rule, with_query):
    x, module = clustered(1.0), refiner()
    query = torch.arange(24) % 4 == 0 if with_query else None
    found = choose_neighbours(
        module, topology, x, LABELS, query, neighbourhoods=rule(5), candidates=[5, 0, 2, 1], by="map@r"
    )
    assert list(found.table) == [0, 1, 2, 5]
    for count, score in found.table.items():
        alone = refine_in_neighbourhoods(module, topology, x, neighbourhoods=rule(count), query=query)
        assert score == pytest.approx(score_embedding(alone, LABELS, query)["map@r"])
        if count == found.neighbours:
            torch.testing.assert_close(found.refined, alone)
    assert found.table[found.neighbours] == max(found.table.values())


def test_good_neighbours_are_heard_and_bad_ones_are_not():
    module = refiner()
    heard = choose_neighbours(
        module, Complete(loop=False), clustered(1.0), LABELS, neighbourhoods=NearestNeighbourhoods(4), candidates=[0, 3]
    )
    assert heard.neighbours == 3
    # Classes drawn apart from the features: no number of neighbours is better but by chance, so let chance be even.
    same = torch.ones(24, 16)
    alone = choose_neighbours(
        module, Complete(loop=False), same, LABELS, neighbourhoods=NearestNeighbourhoods(4), candidates=[3, 0]
    )
    assert alone.table[0] == alone.table[3]
    assert alone.neighbours == 0  # ties go to the smaller number


def test_there_are_not_as_many_images():
    x = clustered(1.0)[:3]
    found = choose_neighbours(
        refiner(), Complete(), x, torch.tensor([0, 0, 1]), neighbourhoods=NearestNeighbourhoods(8), candidates=[0, 4, 8]
    )
    assert list(found.table) == [0, 2]


def test_nothing_to_choose_from():
    with pytest.raises(ValueError, match="no number of neighbours"):
        choose_neighbours(
            refiner(), Complete(), clustered(1.0), LABELS, neighbourhoods=NearestNeighbourhoods(2), candidates=[]
        )
