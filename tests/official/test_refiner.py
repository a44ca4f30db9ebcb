"""Parity with the published code: small random refiners with its own outputs, through every path of ours."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from gnn_dml.errors import UserError
from gnn_dml.layers.edges import to_adjacency, to_weights
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
@pytest.mark.parametrize("backend", ["auto", "dense", "sparse"])
@pytest.mark.parametrize("as_matrix", [True, False], ids=["matrix", "index"])
def test_outputs_equal_the_published_codes(path, backend, as_matrix):
    state, tensors, meta = read(path)
    refiner = load(state, meta)
    for block in refiner.blocks:
        block.attention.backend = backend
    edges = tensors["edge_index"].T
    weight = tensors["edge_weight"] if refiner.weighted else None
    if as_matrix:
        n = len(tensors["x"])
        weight = None if weight is None else to_weights(n, edges, weight)
        edges = to_adjacency(n, edges)
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


def test_all_that_does_not_fit_is_listed_by_its_published_name():
    state, _, meta = read(FILES[0])
    del state["gnn_model.node_model.layers.0.att.q_linear.bias"], state["bottleneck.0.running_var"]
    state |= {"surprise.weight": torch.zeros(1), "gnn_model.node_model.layers.0.linear1.bias": torch.zeros(3)}
    with pytest.raises(ValueError, match="does not fit a refiner with output='last'") as error:
        load(state, meta)
    for part in (
        "missing: bottleneck.0.running_var, gnn_model.node_model.layers.0.att.q_linear.bias;",
        "unknown: surprise.weight;",
        "of another shape: gnn_model.node_model.layers.0.linear1.bias is (3,) and must be (128,)",
    ):
        assert part in str(error.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_any_missing_name_is_named_alone(path):
    state, _, meta = read(path)
    for name in state:
        rest = {other: tensor for other, tensor in state.items() if other != name}
        with pytest.raises(UserError, match=rf": missing: {re.escape(name)}$"):
            load(rest, meta)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("output", ["last", "concatenated", "every"])
def test_a_wrong_output_is_told_the_right_one(path, output):
    state, _, meta = read(path)
    right = OUTPUTS[meta["cat"], meta["every"]]
    if output == right or meta["num_layers"] == 1:
        assert load_refiner(state, num_heads=meta["num_heads"], output=output).output == output
        return
    with pytest.raises(UserError, match=rf"output='{output}' does not fit .*, which is output='{right}'$"):
        load_refiner(state, num_heads=meta["num_heads"], output=output)


def test_heads_that_do_not_divide_the_width_are_named():
    state, _, _ = read(FILES[0])
    with pytest.raises(ValueError, match="num_heads must divide dim=32, and 3 does not"):
        load_refiner(state, num_heads=3)


def test_a_width_that_does_not_divide_the_channels_in_is_named():
    state, _, meta = read(FILES[0])
    with pytest.raises(UserError, match=r"dim_red\.weight is \(32, 48\)"):
        load({**state, "dim_red.weight": torch.zeros(32, 48)}, meta)


def test_a_checkpoint_without_a_refiner_is_refused():
    with pytest.raises(UserError, match=r"dim_red\.weight.*layer1\.weight"):
        load_refiner({"layer1.weight": torch.zeros(1)}, num_heads=2)
