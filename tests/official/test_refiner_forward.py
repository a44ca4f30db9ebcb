"""The published refiner written out in loops from its own names, against ours on random weights."""

from itertools import product

import pytest
import torch

from gnn_dml.official import load_refiner

NODES, DIM_IN, DIM, HEADS, LAYERS, CLASSES = 6, 16, 8, 2, 2, 5
LAYER = "gnn_model.node_model.layers"


def checkpoint(output):
    """A random state dict under the published names, whose `dim_red` halves the channels."""
    shapes = {"dim_red": (DIM, DIM_IN)}
    for layer in range(LAYERS):
        shapes |= {f"{LAYER}.{layer}.att.{part}": (DIM, DIM) for part in ("q_linear", "k_linear", "v_linear", "out")}
        shapes |= {f"{LAYER}.{layer}.linear1": (4 * DIM, DIM), f"{LAYER}.{layer}.linear2": (DIM, 4 * DIM)}
    state = {}
    for name, (rows, columns) in shapes.items():
        state |= {f"{name}.weight": torch.randn(rows, columns) / columns**0.5, f"{name}.bias": torch.randn(rows)}
    for name in (f"{LAYER}.{layer}.norm{i}" for layer in range(LAYERS) for i in (1, 2)):
        state |= {f"{name}.weight": torch.rand(DIM) + 0.5, f"{name}.bias": torch.randn(DIM)}
    width = LAYERS * DIM if output == "concatenated" else DIM
    for i in range(LAYERS if output == "every" else 1):
        state |= {f"bottleneck.{i}.weight": torch.rand(width) + 0.5, f"bottleneck.{i}.bias": torch.zeros(width)}
        state |= {f"bottleneck.{i}.running_mean": torch.randn(width)}
        state |= {f"bottleneck.{i}.running_var": torch.rand(width) + 0.5}
        state |= {f"bottleneck.{i}.num_batches_tracked": torch.tensor(3), f"fc.{i}.weight": torch.randn(CLASSES, width)}
    return state


def graph(kind, x):
    """Edges (E, 2) of (source, target) and their weights, as the published code makes them, or with directions."""
    weights = torch.corrcoef(x).clamp(min=0)
    if kind == "complete":
        edges = torch.ones(NODES, NODES).nonzero()
    elif kind == "threshold":
        edges = (weights > 0.05).nonzero()
    else:
        edges = (torch.rand(NODES, NODES).triu() + torch.eye(NODES) > 0.3).nonzero()
        weights = torch.rand(NODES, NODES, dtype=torch.float64)
    assert kind == "complete" or NODES < len(edges) < NODES**2
    return edges, weights[edges[:, 0], edges[:, 1]]


def apply_linear(state, name, x):
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def layer_norm(state, name, x):
    centred = x - x.mean(dim=1, keepdim=True)
    scaled = centred / (centred.square().mean(dim=1, keepdim=True) + 1e-5).sqrt()
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def attend(state, name, x, edges, weight, aggregation):
    """One target and one head at a time, with the quiet softmax: a null message of score 0 joins the others."""
    q, k, v = (apply_linear(state, f"{name}.{part}_linear", x) for part in "qkv")
    received = torch.zeros_like(x)
    size = DIM // HEADS
    for target in range(NODES):
        incoming = [e for e in range(len(edges)) if edges[e, 1] == target]
        for head in range(HEADS):
            channels = slice(head * size, (head + 1) * size)
            raw = [(q[target, channels] @ k[edges[e, 0], channels] / size**0.5).exp() for e in incoming]
            messages = []
            for e, numerator in zip(incoming, raw, strict=True):
                share = numerator / (1 + sum(raw))
                if weight is not None:
                    share = share * weight[e]
                messages.append(share * v[edges[e, 0], channels])
            stacked = torch.stack(messages)
            reduced = {"sum": stacked.sum(0), "mean": stacked.mean(0), "max": stacked.amax(0)}
            received[target, channels] = reduced[aggregation]
    return apply_linear(state, f"{name}.out", received)


def published_forward(state, x, edges, weight, output, aggregation):
    state = {name: tensor.double() for name, tensor in state.items()}
    x = apply_linear(state, "dim_red", x)
    hidden = []
    for layer in range(LAYERS):
        name = f"{LAYER}.{layer}"
        x = layer_norm(state, f"{name}.norm1", x + attend(state, f"{name}.att", x, edges, weight, aggregation))
        inner = apply_linear(state, f"{name}.linear1", x).clamp(min=0)
        x = layer_norm(state, f"{name}.norm2", x + apply_linear(state, f"{name}.linear2", inner))
        hidden.append(x)
    hidden = {"last": hidden[-1:], "concatenated": [torch.cat(hidden, dim=1)], "every": hidden}[output]
    logits = []
    for i, h in enumerate(hidden):
        mean, variance = state[f"bottleneck.{i}.running_mean"], state[f"bottleneck.{i}.running_var"]
        seen = (h - mean) / (variance + 1e-5).sqrt() * state[f"bottleneck.{i}.weight"] + state[f"bottleneck.{i}.bias"]
        logits.append(seen @ state[f"fc.{i}.weight"].T)
    return [h / h.norm(dim=1, keepdim=True) for h in hidden], logits


@pytest.mark.parametrize("kind", ["complete", "threshold", "directed"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("aggregation", ["sum", "mean", "max"])
@pytest.mark.parametrize("output", ["last", "concatenated", "every"])
def test_every_setting_equals_the_published_forward(output, aggregation, weighted, kind):
    torch.manual_seed(0)
    state = checkpoint(output)
    refiner = load_refiner(state, num_heads=HEADS, output=output, aggregation=aggregation, weighted=weighted).double()
    x = torch.randn(NODES, DIM_IN, dtype=torch.float64)
    edges, weight = graph(kind, x)
    features, logits = published_forward(state, x, edges, weight if weighted else None, output, aggregation)

    adjacency = torch.zeros(NODES, NODES, dtype=torch.bool)
    matrix = torch.zeros(NODES, NODES, dtype=torch.float64)
    for (source, target), value in zip(edges.tolist(), weight, strict=True):
        adjacency[target, source], matrix[target, source] = True, value
    calls = [(adjacency, matrix), (edges.T, weight)]
    if kind == "complete":
        calls.append((None, matrix))
    for (ours, ours_weight), backend in product(calls, ("dense", "sparse")):
        for block in refiner.blocks:
            block.attention.backend = backend
        with torch.no_grad():
            out = refiner(x, ours, ours_weight)
        assert len(out.features) == len(out.logits) == len(features)
        for i in range(len(features)):
            torch.testing.assert_close(out.features[i], features[i])
            torch.testing.assert_close(out.logits[i], logits[i])
