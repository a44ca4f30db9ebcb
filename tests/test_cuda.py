"""The same numbers on a GPU as on the CPU: layers with their gradients, topologies, metrics, training-free methods.

Without a GPU nothing runs here; `test_devices.py` says on any machine that devices are not mixed.
"""

import pytest
import torch
from torch.nn.functional import normalize

from gnn_dml.config.compose import resolve
from gnn_dml.config.names import groups
from gnn_dml.evaluation import ReciprocalNeighbourhoods, measure_training_free
from gnn_dml.experiments.build import build
from gnn_dml.graphs import KNN
from gnn_dml.layers.edges import to_sparse
from gnn_dml.metrics import clustering, retrieval_by_query

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

NODES, DIM = 96, 32
# `random` draws from the bits of the embeddings, which differ between devices.
GRAPHS = [name for name in groups()["graph"] if name not in ("none", "random")]


def embeddings(count=NODES, classes=12):
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(count) % classes
    x = torch.randn(classes, DIM, generator=generator)[labels] + 1.5 * torch.randn(count, DIM, generator=generator)
    return normalize(x, dim=1), labels


def gradients(layer, x, edges, device):
    """Output, and the gradients of the nodes and of every parameter."""
    layer, x = layer.to(device), x.detach().to(device).requires_grad_()
    out = layer(x, edges if edges is None else edges.to(device))
    inputs = [x, *layer.parameters()]
    return [out, *torch.autograd.grad(out.sin().sum(), inputs)]


@pytest.mark.parametrize("form", ["complete", "matrix", "edge_index"])
@pytest.mark.parametrize("name", groups()["layer"])
def test_layers(name, form):
    x, _ = embeddings()
    matrix = KNN(5).adjacency(x)
    edges = {"complete": None, "matrix": matrix, "edge_index": to_sparse(x, matrix, None)[0]}[form]
    torch.manual_seed(0)
    layer = build(resolve([f"layer={name}"])["layer"])(DIM).eval()  # one has dropout
    expected = gradients(layer, x, edges, "cpu")
    for on_gpu, on_cpu in zip(gradients(layer, x, edges, "cuda"), expected, strict=True):
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", GRAPHS)
def test_topologies(name):
    x, labels = embeddings()
    topology = build(resolve([f"graph={name}"])["graph"])
    on_gpu, on_cpu = (topology.adjacency(x.to(to), labels.to(to)) for to in ("cuda", "cpu"))
    assert (on_gpu is None) == (on_cpu is None)
    if on_cpu is not None:
        assert on_gpu.is_cuda
        torch.testing.assert_close(on_gpu.cpu(), on_cpu)


def test_metrics():
    x, labels = embeddings(3000, 150)
    x[7] = x[8] = x[1000]  # ties
    on_gpu, on_cpu = (retrieval_by_query(x.to(to), labels.to(to), ks=(1, 2, 4, 8)) for to in ("cuda", "cpu"))
    assert on_gpu.keys() == on_cpu.keys()
    for name, values in on_cpu.items():
        # What counts is equal to the bit; the means of precisions are added up in another order.
        rtol = 0 if name.startswith("recall") else 1e-15
        torch.testing.assert_close(on_gpu[name].cpu(), values, rtol=rtol, atol=0, equal_nan=True)


def test_reciprocal_neighbourhoods():
    x, _ = embeddings(700, 70)
    neighbourhoods = ReciprocalNeighbourhoods()
    assert torch.equal(neighbourhoods(x.cuda()).cpu(), neighbourhoods(x))


def test_clustering():
    x, labels = embeddings(600, 20)
    on_gpu, on_cpu = (clustering(x.to(to), labels.to(to), seed=0) for to in ("cuda", "cpu"))
    assert on_gpu == pytest.approx(on_cpu)


def test_training_free_methods():
    x, labels = embeddings(900, 60)
    on_gpu, on_cpu = (measure_training_free(x.to(to), labels.to(to)) for to in ("cuda", "cpu"))
    for one, other in zip(on_gpu, on_cpu, strict=True):
        assert one.embedding == other.embedding
        assert one.scores == pytest.approx(other.scores, abs=2e-3)
