"""Correct on a GPU without one: fake tensors live on "cuda", refuse a mix of devices and any look at their values.

Backward would need a driver; a step is run up to the loss, and what it is summed in.
"""

from functools import cache

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

from gnn_dml.config.compose import resolve
from gnn_dml.config.names import groups
from gnn_dml.data.batch import Batch
from gnn_dml.experiments.build import build_learner, build_losses
from gnn_dml.graphs.base import Topology
from gnn_dml.losses import CrossEntropy, EmbeddingLoss, Losses
from gnn_dml.training.purity import PurityMeter
from gnn_dml.training.step import PlainStep
from gnn_dml.training.sums import LossSums

CUDA = torch.device("cuda")
CLASSES = 4
READS = (DataDependentOutputException, DynamicOutputShapeException)
GRAPHS = [name for name in groups()["graph"] if name != "none"]
LAYERS = groups()["layer"]
LOSSES = groups()["loss"]


@cache
def config(*settings):
    return resolve(["backbone.width=4", "backbone.dim=16", *settings])


def on_cuda(module):
    """Do what `module.to` does, which cannot swap fake weights that something still refers to."""
    for part in module.modules():
        for name, weight in part._parameters.items():
            part._parameters[name] = None if weight is None else nn.Parameter(weight.to(CUDA), weight.requires_grad)
        for name, buffer in part._buffers.items():
            part._buffers[name] = None if buffer is None else buffer.to(CUDA)
    return module


def batch():
    labels = torch.arange(12, device=CUDA) % CLASSES
    return Batch(torch.randn(12, 3, 64, 64, device=CUDA), labels, torch.arange(12, device=CUDA))


def plain_step(learner, losses):
    return PlainStep(learner, losses, torch.optim.SGD([*learner.parameters()], lr=0.1), schedule=None)


class Centres(nn.Module):
    """A loss with parameters of its own, as proxy losses have them."""

    def __init__(self, num_classes, dim):
        super().__init__()
        self.centres = nn.Parameter(torch.randn(num_classes, dim))

    def forward(self, embeddings, labels):
        return (embeddings - self.centres[labels]).square().mean()


class Reading(CrossEntropy):
    """A term that looks at its value."""

    def compute(self, output, labels):
        found = super().compute(output, labels)
        return found * 2 if found.item() > 1 else found


class OnTheHost(Topology):
    """A topology that makes its matrix without looking where the nodes are."""

    def _adjacency(self, x, y):
        return torch.ones(x.size(0), x.size(0), dtype=torch.bool) & (x @ x.mT > 0)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("graph", GRAPHS)
def test_every_topology_with_every_layer(graph, layer):
    settings = {**config(f"graph={graph}"), "layer": config(f"layer={layer}")["layer"]}
    with FakeTensorMode():
        learner, given = on_cuda(build_learner(settings, CLASSES)), batch()
        backbone = learner.embed(given.images)
        refined, edges = learner.refine(backbone.features, given.labels)
    assert backbone.features.device.type == "cuda"
    assert refined.features[0].shape == (12, 16)
    assert refined.features[0].device.type == refined.logits[0].device.type == "cuda"
    assert all(part is None or part.device.type == "cuda" for part in edges)


@pytest.mark.parametrize("graph", ["none", "complete", "knn"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_up_to_its_loss(loss, graph):
    settings = config(f"graph={graph}", f"loss={loss}", f"drop_edge={0.0 if graph == 'none' else 0.2}")
    with FakeTensorMode():
        learner = on_cuda(build_learner(settings, CLASSES))
        losses = on_cuda(build_losses(settings, learner, CLASSES))
        step, meter = plain_step(learner, losses), PurityMeter(learner.refiner)
        total, terms = step.forward(batch(), meter.observe)
        assert step.guard.admits(total)
        sums = LossSums(list(terms), CUDA)
        sums.add(total, terms)
    assert total.device.type == sums.sums.device.type == step.guard.flag.device.type == "cuda"
    assert len(meter.blocks) == (graph != "none")


@pytest.mark.parametrize("branch", ["backbone", "refined", "both"])
@pytest.mark.parametrize(
    "term",
    [CrossEntropy, lambda branch: EmbeddingLoss(Centres, branch=branch, num_classes=CLASSES, dim=16)],
    ids=["cross_entropy", "embedding"],
)
def test_every_term_on_every_branch(term, branch):
    with FakeTensorMode():
        learner, given = on_cuda(build_learner(config(), CLASSES)), batch()
        losses = on_cuda(Losses({"one": term(branch=branch)}))
        total, _ = plain_step(learner, losses).forward(given)
    assert total.device.type == "cuda"
    assert total.shape == ()


def test_a_term_that_reads_its_value_is_found():
    with FakeTensorMode():
        learner, losses = on_cuda(build_learner(config(), CLASSES)), on_cuda(Losses({"reading": Reading()}))
        with pytest.raises(READS):
            plain_step(learner, losses).forward(batch())


def test_a_topology_on_another_device_is_found():
    with FakeTensorMode():
        learner = on_cuda(build_learner(config(), CLASSES))
        learner.topology = OnTheHost()
        with pytest.raises(RuntimeError, match="device"):
            plain_step(learner, on_cuda(Losses({"one": CrossEntropy()}))).forward(batch())


def test_reading_the_sums_waits_and_is_found():
    """What the trainer does only now and then."""
    with FakeTensorMode():
        sums = LossSums(["one"], CUDA)
        sums.add(torch.ones((), device=CUDA), {"one": torch.ones((), device=CUDA)})
        with pytest.raises(READS):
            sums.read()


def test_every_topology_layer_and_loss_is_looked_at():
    """A group that lost its folder would leave nothing to test."""
    assert {"complete", "knn", "random", "threshold"} <= set(GRAPHS)
    assert {"dot_product", "gat"} <= set(LAYERS)
