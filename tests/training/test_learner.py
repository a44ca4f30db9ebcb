"""The graph a learner trains on, and the one it is tested on."""

from functools import partial

import pytest
import torch
from torch import nn
from torch_geometric.transforms import Compose

from gnn_dml.config.compose import resolve
from gnn_dml.experiments.build import build_learner
from gnn_dml.graphs import KNN, ClassAware, Complete, DropEdge, Threshold, describe
from gnn_dml.layers import DotProductAttention
from gnn_dml.models import Embedder, EmbedderOutput, Refiner
from gnn_dml.training.learner import Learner
from gnn_dml.training.optim import build_optimizer


class Passing(nn.Module):
    """An embedder whose images are their own features."""

    def forward(self, images):
        return EmbedderOutput(images, images)


def learner(topology, **arguments):
    torch.manual_seed(0)
    refiner = Refiner(8, 3, lambda dim: DotProductAttention(dim, 2), **arguments).eval()
    return Learner(Passing(), refiner, topology)


X = torch.randn(12, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(12) % 3


def refined(topology, **arguments):
    return learner(topology, **arguments)(X, Y)[1].features[0]


@pytest.mark.parametrize(
    ("topology", "expected"),
    [
        (KNN(2), "KNN(k=2, loop=True)"),
        (Compose([KNN(2), DropEdge(0.5)]), "KNN(k=2, loop=True)"),
        (ClassAware("same"), "Complete(loop=True)"),
        (Compose([ClassAware("same"), DropEdge(0.5)]), "Complete(loop=True)"),
    ],
    ids=str,
)
def test_unseen_images_get_a_graph_without_labels_and_with_all_edges(topology, expected):
    assert describe(learner(topology).test_topology) == expected


def test_no_refiner_no_graph():
    assert Learner(Passing()).test_topology is None
    with pytest.raises(ValueError, match="go together"):
        Learner(Passing(), topology=KNN(2))


def test_edges_are_dropped_anew_at_every_step():
    made = learner(Compose([Complete(), DropEdge(0.5)]))
    torch.manual_seed(1)
    first, second = (made(X, Y)[1].features[0] for _ in range(2))
    assert not torch.allclose(first, second)
    torch.manual_seed(1)
    assert torch.equal(made(X, Y)[1].features[0], first)


def test_weights_of_the_graph_reach_a_weighted_refiner_alone():
    weighted = refined(Threshold(None), weighted=True)
    torch.testing.assert_close(refined(Threshold(None)), refined(Complete()))
    assert not torch.allclose(weighted, refined(Complete()))
    edges, weight = Threshold(None).edges(X)
    torch.testing.assert_close(weighted, learner(KNN(1), weighted=True).refiner(X, edges, weight).features[0])


def test_a_share_of_dropped_edges_stands_behind_the_graph():
    built = build_learner(resolve(["graph=knn", "graph.k=3", "drop_edge=0.2"]), num_classes=5)
    assert describe(built.topology) == "KNN(k=3, loop=False) + DropEdge(p=0.2)"
    assert describe(built.test_topology) == "KNN(k=3, loop=False)"
    assert describe(build_learner(resolve(["graph=knn"]), num_classes=5).topology) == "KNN(k=8, loop=False)"


def test_a_configuration_from_before_there_was_drop_edge_builds():
    config = resolve(["graph=knn"])
    del config["drop_edge"], config["refiner"]["weighted"]
    assert describe(build_learner(config, num_classes=5).topology) == "KNN(k=8, loop=False)"


def both(**options):
    torch.manual_seed(0)
    embedder = Embedder("small_cnn", dim=8, num_classes=3, width=4, **options)
    return embedder, Refiner(8, 3, lambda dim: DotProductAttention(dim, 2), num_layers=2, output="every")


@pytest.mark.parametrize("neck", ["linear", "batch_norm"])
def test_a_shared_classifier_is_one(neck):
    """One parameter in every branch, trained once and stored under each name."""
    embedder, refiner = both(neck=neck)
    made = Learner(embedder, refiner, Complete(), shared_classifier=True)
    weight = embedder.classifier.weight if neck == "linear" else embedder.classifier.classifier.weight
    assert all(part.classifier.weight is weight for part in refiner.necks)
    optimizer = build_optimizer(
        made, partial(torch.optim.SGD, momentum=0.0), lr=1.0, refiner_rate=0.1, weight_decay=0.1
    )
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert len(held) == len(set(held)) == sum(p.requires_grad for p in made.parameters())
    assert next(g["name"] for g in optimizer.param_groups if any(p is weight for p in g["params"])) == "cnn"
    apart = Learner(*both(neck=neck), Complete(), shared_classifier=True)
    apart.load_state_dict(made.state_dict())


def test_what_cannot_be_shared():
    embedder, _ = both()
    concatenated = Refiner(8, 3, lambda dim: DotProductAttention(dim, 2), num_layers=2, output="concatenated")
    with pytest.raises(ValueError, match="16 channels and the backbone's 8"):
        Learner(embedder, concatenated, Complete(), shared_classifier=True)
    with pytest.raises(ValueError, match="needs a backbone with a linear classifier"):
        Learner(Passing(), Refiner(8, 3, lambda dim: DotProductAttention(dim, 2)), Complete(), shared_classifier=True)
