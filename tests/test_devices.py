"""A training step on "cuda" without a GPU: under torch's FakeTensorMode tensors have devices and shapes and no numbers.

Mixing devices raises there, and so does whatever needs a number on the host, which on a GPU would wait for it. Only the
forward half can be run so: backward needs a driver.
"""

import contextlib
import warnings
from functools import cache, partial

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric.transforms import BaseTransform, Compose

import gnn_dml.losses
from gnn_dml.config.compose import resolve
from gnn_dml.config.names import groups
from gnn_dml.data.batch import Batch
from gnn_dml.experiments.build import build, build_losses
from gnn_dml.graphs import EDGE_FEATURES, DropEdge, Topology, gives_weights
from gnn_dml.layers import takes_weights
from gnn_dml.losses import CrossEntropy, EmbeddingLoss, Losses, LossTerm
from gnn_dml.models import Embedder, Refiner
from gnn_dml.training.guard import FiniteGuard
from gnn_dml.training.learner import Learner
from gnn_dml.training.step import PlainStep
from gnn_dml.training.sums import LossSums
from gnn_dml.training.vital_signs import VitalSigns

CUDA = torch.device("cuda")
CLASSES, EACH, DIM = 4, 4, 16
GRAPHS = [name for name in groups()["graph"] if name != "none"]
LAYERS = groups()["layer"]


class CopyToHostError(RuntimeError):
    """A tensor left the device."""


class NoCopyToHost(TorchDispatchMode):
    """Refuses what FakeTensorMode lets pass: a copy from the device to the host, which waits for the device too."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        given = [value for value in (*args, *(kwargs or {}).values()) if isinstance(value, torch.Tensor)]
        returned = found if isinstance(found, (tuple, list)) else [found]
        for tensor in returned:
            on_host = isinstance(tensor, torch.Tensor) and tensor.device.type == "cpu"
            if on_host and any(value.device.type == "cuda" for value in given):
                raise CopyToHostError(f"{func} brings a tensor from the device to the host")
        return found


@contextlib.contextmanager
def pretended():
    """Tensors on a GPU that is not there; what is built inside `torch.device("cuda")` lies on it."""
    with FakeTensorMode(), NoCopyToHost(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def settings(group, name):
    return resolve([f"{group}={name}", "protocol.neighbours=8"])[group]


def topology(name):
    return build({**settings("graph", name), **({"k": 3} if settings("graph", name).get("k") else {})})


def layer(name):
    return build(settings("layer", name))


def refined(graph, layer, terms=None, **changes):
    """A step of a learner with a refiner, on the device."""
    with CUDA:
        embedder = Embedder("small_cnn", width=4, dim=DIM, num_classes=CLASSES)
        refiner = Refiner(DIM, CLASSES, layer, **changes)
        losses = Losses(terms or {"backbone": CrossEntropy(), "refined": CrossEntropy(branch="refined")})
    learner = Learner(embedder, refiner, graph)
    optimizer = torch.optim.SGD([*learner.parameters(), *losses.parameters()], lr=0.1)
    return PlainStep(learner, losses, optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer))


def batch():
    with CUDA:
        labels = torch.arange(CLASSES).repeat_interleave(EACH)
        return Batch(torch.rand(CLASSES * EACH, 3, 64, 64), labels, torch.arange(CLASSES * EACH))


def run(step):
    """Embed, refine, every term, the measuring and the sums: all of a step that can be run without a driver."""
    sums = LossSums(list(step.losses.terms), CUDA)
    signs = VitalSigns(step.learner.refiner, step.losses, gradients=False)
    total, terms = step.forward(batch(), signs.observe)
    assert total.device.type == "cuda"
    assert all(term.device.type == "cuda" and term.dim() == 0 for term in terms.values())
    assert step.guard.admits(total)
    sums.add(step.losses.total(terms), terms)
    assert sums.sums.device.type == "cuda"
    return signs


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("graph", GRAPHS)
def test_every_topology_with_every_layer(graph, name):
    made, attention = topology(graph), layer(name)
    with pretended():
        weighted = gives_weights(made) and takes_weights(attention(DIM))
        signs = run(refined(made, attention, weighted=weighted))
        assert len(signs.purity.blocks) == len(signs.spreads) == len(signs.messages) == 1


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("output", ["last", "concatenated", "every"])
def test_dropped_edges_and_every_output(name, output):
    with pretended():
        run(refined(Compose([topology("knn"), DropEdge(0.3)]), layer(name), num_layers=2, output=output, dropout=0.1))


@pytest.mark.parametrize("name", LAYERS)
def test_features_of_edges(name):
    with pretended():
        run(refined(topology("knn"), layer(name), edge_features=EDGE_FEATURES))


class Ring(BaseTransform):
    """Everyone hears the next one: a transform of one's own, which gives an edge_index."""

    def forward(self, data):
        node = torch.arange(len(data.x), device=data.x.device)
        data.edge_index = torch.stack([node, node.roll(1)])
        return data


@pytest.mark.parametrize("name", LAYERS)
def test_edges_as_an_edge_index(name):
    with pretended():
        run(refined(Ring(), layer(name)))


class Centres(nn.Module):
    """A loss with parameters of its own."""

    def __init__(self, num_classes, embedding_size):
        super().__init__()
        self.centres = nn.Parameter(torch.zeros(num_classes, embedding_size))

    def forward(self, embeddings, labels):
        return (embeddings - normalize(self.centres, dim=1)[labels]).square().sum(1).mean()


MADE = {
    EmbeddingLoss: lambda branch: EmbeddingLoss(Centres, branch=branch, num_classes=CLASSES, dim=DIM),
}
TERMS = [
    term
    for name in gnn_dml.losses.__all__
    if isinstance(term := getattr(gnn_dml.losses, name), type) and issubclass(term, LossTerm) and term is not LossTerm
]


@pytest.mark.parametrize("branch", ["backbone", "refined", "both"])
@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.__name__)
def test_every_loss_term(term, branch):
    with pretended():
        with CUDA:
            made = MADE.get(term, lambda branch: term(branch=branch))(branch)
        run(refined(topology("complete"), layer("dot_product"), {"one": made}, num_layers=2, output="every"))


@pytest.mark.parametrize(
    "optimizer",
    [torch.optim.AdamW, torch.optim.RAdam, torch.optim.SGD, partial(torch.optim.AdamW, fused=True)],
    ids=["AdamW", "RAdam", "SGD", "fused"],
)
def test_the_update_waits_for_nothing_either(optimizer):
    """Backward would need a driver, so the gradients are put there."""
    with pretended():
        with CUDA:
            learner = Learner(Embedder("small_cnn", width=4, dim=DIM, num_classes=CLASSES))
            losses = Losses({"backbone": CrossEntropy()})
        made = optimizer(learner.parameters(), lr=0.1)
        step = PlainStep(learner, losses, made, torch.optim.lr_scheduler.ConstantLR(made))
        assert step.guard.on_device
        assert step.guard.skips == (isinstance(optimizer, partial))
        assert run(step).row() == {}
        for weight in learner.parameters():
            weight.grad = torch.zeros_like(weight)
        for _ in range(2):
            step.guard.step()
            step.schedule.step()


@pytest.mark.parametrize("name", groups()["loss"])
def test_every_loss_of_the_settings(name):
    chosen = resolve([f"loss={name}"])
    with pretended():
        step = refined(topology("complete"), layer("dot_product"))
        with CUDA:
            losses = build_losses(chosen, step.learner, CLASSES)
        step.losses = losses
        run(step)


def test_something_is_looked_at():
    """A group that lost its folder would leave nothing to test."""
    assert {"complete", "knn", "random", "threshold"} <= set(GRAPHS)
    assert {"dot_product", "gat"} <= set(LAYERS)
    assert {CrossEntropy, EmbeddingLoss} <= set(TERMS)


# What follows is wrong on purpose: the tests above would see it.


class ReadsBack(CrossEntropy):
    """A term that asks the device for a number."""

    def compute(self, output, labels):
        return super().compute(output, labels) * (1 + 0 * output.features.norm().item())


class Decides(CrossEntropy):
    """A term that branches on a number of the device."""

    def compute(self, output, labels):
        found = super().compute(output, labels)
        return found if (output.features > 0).any() else 2 * found


class OnTheHost(CrossEntropy):
    """A term with a tensor that was left on the CPU."""

    def compute(self, output, labels):
        return super().compute(output, labels) + (output.features * torch.ones(DIM)).mean()


class Copies(CrossEntropy):
    """A term that fetches a whole tensor."""

    def compute(self, output, labels):
        return super().compute(output, labels) + 0 * output.features.cpu().mean().to(output.features.device)


@pytest.mark.parametrize(
    ("term", "error", "said"),
    [
        (ReadsBack, Exception, "item|local_scalar_dense"),
        (Decides, Exception, "item|local_scalar_dense|is_nonzero"),
        (OnTheHost, Exception, "same device|Unhandled FakeTensor Device"),
        (Copies, CopyToHostError, "to the host"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_wrong_term_is_seen(term, error, said):
    with pretended(), pytest.raises(error, match=said):
        run(refined(topology("complete"), layer("dot_product"), {"backbone": term()}))


class CountsEdges(Topology):
    """A topology that looks at its numbers."""

    def _adjacency(self, x, y):
        chosen = (x @ x.mT) > 0
        return chosen if int(chosen.sum()) else chosen.logical_not()


class MadeOnTheHost(Topology):
    """A topology whose matrix forgets the device of its nodes."""

    def _adjacency(self, x, y):
        return (x @ x.mT > 0) | torch.eye(x.size(-2), dtype=torch.bool)


class Lists(Topology):
    """A topology whose shape depends on numbers."""

    def _adjacency(self, x, y):
        found = torch.zeros(x.size(-2), x.size(-2), dtype=torch.bool, device=x.device)
        found[tuple((x @ x.mT > 0).nonzero().T)] = True
        return found


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (CountsEdges, "item|local_scalar_dense"),
        (MadeOnTheHost, "same device|Unhandled FakeTensor Device"),
        (Lists, "nonzero"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_wrong_topology_is_seen(made, said):
    with pretended(), pytest.raises(Exception, match=said):
        run(refined(made(), layer("dot_product")))


def test_a_trainer_that_reads_every_loss_is_seen():
    """What the guard does on a CPU, on the device."""
    with pretended():
        step = refined(topology("complete"), layer("dot_product"))
        step.guard = FiniteGuard(step.optimizer, CUDA, on_device=False)
        with pytest.raises(Exception, match=r"item|local_scalar_dense"):
            run(step)


def test_reading_the_sums_waits_and_is_seen():
    """What the trainer does now and then."""
    with pretended():
        sums = LossSums([], CUDA)
        sums.add(torch.ones((), device=CUDA), {})
        with pytest.raises(Exception, match=r"item|local_scalar_dense"):
            sums.read()
