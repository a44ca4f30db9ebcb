"""Parity with the published code: small random refiners with its own outputs, through every path of ours."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gnn_dml.layers.edges import to_dense
from gnn_dml.official import load_refiner

FILES = sorted((Path(__file__).parent / "reference").glob("*.npz"))
OUTPUTS = {(0, 0): "last", (1, 0): "concatenated", (0, 1): "every"}


def read(path):
    """The published state dict, the inputs, the outputs and the settings of one reference file."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    meta = json.loads(str(arrays.pop("meta")))
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    state = {name.removeprefix("state."): tensor for name, tensor in tensors.items() if name.startswith("state.")}
    return state, tensors, meta


def load(state, meta):
    return load_refiner(
        state,
        num_heads=meta["num_heads"],
        output=OUTPUTS[meta["cat"], meta["every"]],
        aggregation={"add": "sum"}.get(meta["aggregator"], meta["aggregator"]),
        weighted=bool(meta["mult_attr"]),
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("dense", [True, False], ids=["dense", "sparse"])
def test_outputs_equal_the_published_codes(path, dense):
    state, tensors, meta = read(path)
    refiner = load(state, meta)
    edges = tensors["edge_index"].T
    weight = tensors["edge_weight"] if refiner.weighted else None
    if dense:
        edges, weight = to_dense(tensors["x"], edges, weight)
    with torch.no_grad():
        out = refiner(tensors["x"], edges, weight)
    expected = [name for name in tensors if name.startswith("features.")]
    assert len(out.features) == len(out.logits) == len(expected)
    for i in range(len(expected)):
        torch.testing.assert_close(out.features[i], tensors[f"features.{i}"], atol=1e-5, rtol=0)
        torch.testing.assert_close(out.logits[i], tensors[f"logits.{i}"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("path", [path for path in FILES if "full" in path.stem], ids=lambda path: path.stem)
def test_complete_graph_needs_no_edges(path):
    state, tensors, meta = read(path)
    with torch.no_grad():
        out = load(state, meta)(tensors["x"], None)
    torch.testing.assert_close(out.features[0], tensors["features.0"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_plain_softmax_differs_from_the_published_quiet_one(path):
    """The parity above is no accident of a softmax that makes no difference."""
    state, tensors, meta = read(path)
    refiner = load(state, meta)
    for block in refiner.blocks:
        block.attention.quiet = False
    weight = tensors["edge_weight"] if refiner.weighted else None
    with torch.no_grad():
        out = refiner(tensors["x"], tensors["edge_index"].T, weight)
    assert (out.features[0] - tensors["features.0"]).abs().max() > 1e-3


def test_unknown_and_missing_names_are_named():
    state, _, meta = read(FILES[0])
    with pytest.raises(ValueError, match=r"surprise\.weight"):
        load({**state, "surprise.weight": torch.zeros(1)}, meta)
    state.pop("gnn_model.node_model.layers.0.att.q_linear.bias")
    with pytest.raises(ValueError, match=r"blocks\.0\.attention\.q\.bias"):
        load(state, meta)


def test_a_checkpoint_without_a_refiner_is_refused():
    with pytest.raises(ValueError, match=r"dim_red\.weight"):
        load_refiner({"layer1.weight": torch.zeros(1)}, num_heads=2)
