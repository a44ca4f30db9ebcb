"""One try of a topology on small random features, so that what is wrong with it is found before a run starts.

Legend: N nodes, D channels, E edges.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch_geometric.transforms import BaseTransform, Compose

from gnn_dml.errors import UserError
from gnn_dml.graphs.base import Edges, Topology
from gnn_dml.graphs.build import build_edges, gives_weights, run_transform, takes_batches, uses_labels
from gnn_dml.graphs.describe import describe, parts

ROUNDING = 1e-3
"""Share of the pairs whose edge may depend on rounding, which differs between one graph and several."""


def probe(topology: BaseTransform, nodes: int, dim: int, labels: Tensor | None) -> Edges:
    """Build one graph, and where batches are taken two at once, and check what comes back.

    Checked are the size (`Topology.check_size`), types, shapes and ranges, that the features are left as they are, that
    a topology which reads labels or gives weights says so, and that graphs in a batch are what each is alone. No random
    state of the program is moved.

    Args:
        topology: Any transform that is to add edges.
        nodes: N.
        dim: D.
        labels: (N,), the labels of a mini-batch; None for a graph of unseen images.

    Returns:
        The edges of the one graph.

    Raises:
        UserError: Naming the topology and what is wrong.

    >>> import torch
    >>> from gnn_dml.graphs import KNN, probe
    >>> probe(KNN(2), nodes=6, dim=8, labels=None).edges.shape
    torch.Size([6, 6])
    >>> probe(KNN(8), nodes=6, dim=8, labels=None)
    Traceback (most recent call last):
    gnn_dml.errors.UserError: KNN(k=8, loop=True): k=8 neighbours were asked for in a graph of 6 nodes; at most 5 exist
    """
    with untouched_random_state():
        x = _features(nodes, dim)
        _check_size(topology, nodes)
        edges = _labelled(topology, x[0], labels)
        _check_edges(describe(topology), edges, (nodes,))
        _check_weights(topology, edges)
        lasting = [part for part in parts(topology) if not getattr(part, "training_only", False)]
        if takes_batches(topology):
            _check_batch(Compose(lasting), x, labels)
    return edges


@contextmanager
def untouched_random_state() -> Iterator[None]:
    """Give torch (on the CPU), numpy and Python their random states back."""
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002 - a topology may draw from it
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)  # noqa: NPY002


def _seed(seed: int) -> None:
    torch.default_generator.manual_seed(seed)  # of the CPU alone: `torch.manual_seed` moves that of every GPU too
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def _features(nodes: int, dim: int) -> Tensor:
    """Normalised features (2, N, D) of two graphs; those of the second lie closer together, which tells them apart."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, nodes, dim, generator=generator)
    x[1] += 2 * torch.randn(dim, generator=generator)
    return normalize(x, dim=-1)


def _check_size(topology: BaseTransform, nodes: int) -> None:
    for part in parts(topology):
        if isinstance(part, Topology):
            try:
                part.check_size(nodes)
            except ValueError as error:
                raise UserError(f"{describe(topology)}: {error}") from error


def _run(topology: BaseTransform, x: Tensor, labels: Tensor | None, seed: int = 0) -> Edges:
    """The edges on a copy of the nodes, every draw from the same seed; UserError if the features are overwritten."""
    _seed(seed)
    given = x.clone()
    # A transform that is silent about labels is given them here, and here alone, to see whether it reads them.
    silent = labels is not None and not takes_batches(topology) and not uses_labels(topology)
    build = run_transform if silent else build_edges
    edges = build(topology, given, None if labels is None else labels.clone())
    if not torch.equal(given, x):
        raise UserError("it changes the features of the nodes (data.x) in place")
    return edges


def _try(topology: BaseTransform, x: Tensor, labels: Tensor | None) -> Edges:
    """The same, any failure being a UserError that names the topology."""
    try:
        return _run(topology, x, labels)
    except Exception as error:
        raise UserError(f"{describe(topology)}: {said(error)}") from error


def said(error: Exception) -> str:
    """What an error says; one that nobody raised on purpose is named with its place."""
    text = " ".join(str(error).split())[:300]
    if isinstance(error, (UserError, ValueError)):
        return text
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({Path(place.filename).name}, line {place.lineno})"


def _labelled(topology: BaseTransform, x: Tensor, labels: Tensor | None) -> Edges:
    """The edges of one graph; UserError if they come from labels and the topology does not say so."""
    if labels is None or uses_labels(topology):
        return _try(topology, x, labels)
    with_labels = _try(topology, x, labels)
    try:
        without = _run(topology, x, None)
    except Exception as error:
        raise UserError(
            f"{describe(topology)} works with labels and fails without ({said(error)}): a topology that reads labels "
            "must set uses_labels = True"
        ) from error
    if not _alike(with_labels.edges, without.edges) or not _alike(with_labels.edge_weight, without.edge_weight):
        raise UserError(
            f"{describe(topology)} gives other edges with labels than without: a topology that reads labels must set "
            "uses_labels = True"
        )
    return with_labels


def _alike(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    if not isinstance(one, Tensor) or not isinstance(other, Tensor) or one.shape != other.shape:
        return False
    return bool(((one == other) | ((one != one) & (other != other))).all())  # NaN is NaN


def _check_edges(name: str, found: Edges, shape: tuple[int, ...]) -> None:
    """UserError unless types and shapes are those of a graph of the nodes in `shape`: (N,), or (2, N) for a batch."""
    edges, weight = found
    matrix = (*shape, shape[-1])
    wanted: tuple[int, ...] = matrix
    if edges is not None and not isinstance(edges, Tensor):
        raise UserError(f"{name}: edges must be a tensor, not {type(edges).__name__}")
    if edges is not None and edges.dtype == torch.bool:
        if tuple(edges.shape) != matrix:
            raise UserError(f"{name}: the adjacency must have the shape {matrix}, not {tuple(edges.shape)}")
    elif edges is not None:
        _check_index(name, edges, shape[-1])
        wanted = (edges.size(1),)
    if weight is None:
        return
    if not isinstance(weight, Tensor) or not weight.is_floating_point() or tuple(weight.shape) != wanted:
        seen = f"{weight.dtype} of shape {tuple(weight.shape)}" if isinstance(weight, Tensor) else type(weight).__name__
        raise UserError(f"{name}: edge_weight must be floating point of shape {wanted}, not {seen}")
    if not weight.isfinite().all():
        raise UserError(f"{name}: edge_weight holds NaN or infinity")


def _check_index(name: str, edges: Tensor, nodes: int) -> None:
    if edges.dtype != torch.long or edges.dim() != 2 or edges.size(0) != 2:
        raise UserError(
            f"{name}: edge_index must be of type torch.long and shape (2, E), or a boolean adjacency; not "
            f"{edges.dtype} of shape {tuple(edges.shape)}"
        )
    if edges.numel() and not 0 <= int(edges.min()) <= int(edges.max()) < nodes:
        wrong = int(edges.min()) if edges.min() < 0 else int(edges.max())
        raise UserError(f"{name}: edge_index must hold numbers of nodes, 0 to {nodes - 1}, and it holds {wrong}")


def _check_weights(topology: BaseTransform, edges: Edges) -> None:
    """UserError if this package's kind of topology is silent about its weights, or promises some and has none."""
    if not takes_batches(topology) or gives_weights(topology) == (edges.edge_weight is not None):
        return
    if gives_weights(topology):
        raise UserError(f"{describe(topology)} says gives_weights = True, and its edges have none")
    raise UserError(f"{describe(topology)} gives edge weights: it must set gives_weights = True")


def _check_batch(topology: BaseTransform, x: Tensor, labels: Tensor | None) -> None:
    """UserError unless the graphs of a batch (2, N, D) are what each of them is alone."""
    name, batch = describe(topology), f"a batch of two graphs {tuple(x.shape)}"
    labels = torch.stack([labels, labels.flip(0)]) if labels is not None and uses_labels(topology) else None
    try:
        together = _run(topology, x, labels)
    except Exception as error:
        raise UserError(f"{name} fails on {batch}, which evaluation gives: {said(error)}; {_ADVICE}") from error
    _check_edges(f"{name} on {batch}", together, (2, x.size(1)))
    alone = [_try(topology, x[i], None if labels is None else labels[i]) for i in range(2)]
    if _draws(topology, x[0], None if labels is None else labels[0]):
        return
    if not all(_same(together, edges, i) for i, edges in enumerate(alone)):
        raise UserError(f"{name} gives other edges for {batch} than for each of them alone; {_ADVICE}")


_ADVICE = (
    "a Topology computes over the last two dimensions of x (..., N, D), and each graph by itself; a plain PyG "
    "BaseTransform sees one graph at a time"
)


def _draws(topology: BaseTransform, x: Tensor, labels: Tensor | None) -> bool:
    """Whether another random state gives other edges, so that graphs drawn together and alone cannot be compared."""
    one, other = (_run(topology, x, labels, seed) for seed in (0, 1))
    return not _alike(one.edges, other.edges) or not _alike(one.edge_weight, other.edge_weight)


def _same(together: Edges, alone: Edges, graph: int) -> bool:
    """Whether one graph of a batch is the graph that was built alone, but for rounding."""
    for one, other in zip(together, alone, strict=True):
        if (one is None) != (other is None):
            return False
        if one is None or other is None:
            continue
        if one.dtype == torch.bool:
            apart = int((one[graph] != other).sum())
        else:
            apart = int((~torch.isclose(one[graph], other, atol=1e-4)).sum())
        if apart > ROUNDING * other.numel():
            return False
    return True
