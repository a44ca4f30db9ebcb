"""Cells of a grid: every combination of its values that its rules allow."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.errors import UserError
from gnn_dml.experiments.grid import expand
from gnn_dml.experiments.study import plan, read_study

NEIGHBOURS = "grid:\n  graph: [complete, knn, random]\n  graph.k: [1, 2]\nrules:\n  graph.k: {graph: [knn, random]}\n"


def read(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return read_study(str(path))


def test_a_rule_leaves_a_setting_alone_where_it_has_no_place(tmp_path):
    study = read(tmp_path, NEIGHBOURS)
    assert study.cells == {
        "complete": ("graph=complete",),
        "knn k=1": ("graph=knn", "graph.k=1"),
        "knn k=2": ("graph=knn", "graph.k=2"),
        "random k=1": ("graph=random", "graph.k=1"),
        "random k=2": ("graph=random", "graph.k=2"),
    }
    assert study.factors["complete"] == {"graph": "complete"}
    assert study.factors["knn k=2"] == {"graph": "knn", "graph.k": 2}
    assert study.reference == "complete"
    assert [config["graph"].get("k") for config in plan(study, [0])] == [None, 1, 2, 1, 2]


def test_cells_and_a_grid_stand_together(tmp_path):
    study = read(tmp_path, "cells: {CE only: [graph=none]}\n" + NEIGHBOURS)
    assert list(study.cells)[:2] == ["CE only", "complete"]
    assert "CE only" not in study.factors


def test_values_are_those_that_are_written(tmp_path):
    text = "grid:\n  optimizer.lr: [1e-3, 0.010]\n  protocol.ks: [[1, 2], [1]]\n  seedless: [null, true]\n"
    study = read(tmp_path, text)
    assert next(iter(study.cells)) == "lr=1e-3 ks=[1,2] seedless=null"
    assert study.factors["lr=0.010 ks=[1] seedless=true"] == {
        "optimizer.lr": 0.01,
        "protocol.ks": [1],
        "seedless": True,
    }


def test_a_name_is_as_long_as_it_has_to_be():
    dropout = {"refiner.dropout": ["0.1", "0.2"], "layer.dropout": ["0.1", "0.2"], "graph.k": ["3"]}
    assert list(expand(dropout, {}).cells)[1] == "refiner.dropout=0.1 layer.dropout=0.2"
    assert expand(dropout, {}).factors["refiner.dropout=0.1 layer.dropout=0.2"] == {
        "refiner.dropout": 0.1,
        "layer.dropout": 0.2,
    }
    assert list(expand({"graph": ["knn"], "graph.k": ["3"]}, {}).cells) == ["graph=knn graph.k=3"]
    cells = expand({"graph": ["knn", "none"], "layer": ["gat", "none"]}, {"layer": {"graph": ["knn"]}}).cells
    assert list(cells) == ["knn gat", "knn none", "none"]
    cells = expand({"graph": ["x", "x y"], "layer": ["y z", "z"]}, {}).cells  # "x y z" would stand for two
    assert list(cells) == [f"graph={graph} layer={layer}" for graph in ("x", "x y") for layer in ("y z", "z")]


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True), min_size=1, max_size=4), st.data())
def test_every_allowed_combination_stands_once(values, data):
    """Counted by hand: a setting with a rule is there only where the one above it has an allowed value."""
    grid = {f"g{i}.v{i}": [str(value) for value in held] for i, held in enumerate(values)}
    names = list(grid)
    rules = {}
    for above, name in pairwise(names):
        if data.draw(st.booleans()):
            rules[name] = {above: data.draw(st.lists(st.sampled_from(grid[above]), min_size=1, unique=True))}
    expected = set()
    for chosen in product(*grid.values()):
        kept = {}
        for name, value in zip(names, chosen, strict=True):
            rule = rules.get(name)
            if rule is None or all(above in kept and kept[above] in allowed for above, allowed in rule.items()):
                kept[name] = value
        expected.add(tuple(f"{name}={value}" for name, value in kept.items()))
    found = expand(grid, rules)
    assert set(found.cells.values()) == expected
    assert len(found.cells) == len(expected)
    for cell, settings in found.cells.items():
        varied = [text for text in settings if len(grid[text.partition("=")[0]]) > 1]
        assert [f"{name}={value}" for name, value in found.factors[cell].items()] == varied


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {}", "has an empty grid"),
        ("grid:", "has an empty grid"),
        ("grid: {graph.k: []}", "grid of graph.k is empty"),
        ("grid: {graph.k: 3}", r"grid of graph\.k must be a list of values"),
        ("grid: {graph.k: [{a: 1}]}", "holds a mapping"),
        ("grid: {graph: [knn]}\nrules: [graph]", "rules must be like"),
        ("grid: {graph: [knn]}\nrules: {graph.k: {graph: [knn]}}", "a rule is for graph.k, and the grid has graph"),
        ("grid: {graph: [knn]}\nrules: {graph: []}", "the rule for graph must be like"),
        (
            "grid: {graph.k: [1], graph: [knn]}\nrules: {graph.k: {graph: [knn]}}",
            "names graph, which must be a setting that stands above it in the grid; there are none",
        ),
        (
            "grid: {graph: [knn], graph.k: [1]}\nrules: {graph.k: {graph: [random]}}",
            "names graph=random, and the grid has knn",
        ),
        ("cells: {a: []}\nrules: {graph.k: {graph: [knn]}}", "has rules and no grid"),
        ("cells: {knn: []}\ngrid: {graph: [knn, none]}", "has the cell 'knn' under cells and in its grid"),
        ("grid: {" + ", ".join(f"a.b{i}: [1, 2, 3, 4]" for i in range(40)) + "}", "and 10000 are the most"),
        ("grid: {seed: [1, 2]}", "seed=1: a study sets seed itself"),
        ("grid: {graph.k: ['1,2', 3]}", "names several values|cannot be read"),
    ],
)
def test_a_wrong_grid_is_one_sentence(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        plan(read(tmp_path, text), [0])
    assert "\n" not in str(caught.value)
