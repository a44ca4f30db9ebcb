"""What is composed once and varied is what Hydra composes from all settings at once. Loads no torch."""

import json

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from gnn_dml.config.compose import resolve, value_of
from gnn_dml.config.composer import Composer, named_inside, plain_files
from gnn_dml.config.names import CONF
from gnn_dml.config.typed import parse
from gnn_dml.experiments.study import Study, plan, read_study

COMPOSER = Composer()


def by_hydra(typed):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("config", overrides=typed), resolve=True)


def composed(typed):
    parsed = [parse(text) for text in typed]
    chosen = [f"{one.name}={one.text}" for one in parsed if one.name in COMPOSER.groups]
    tree = COMPOSER.tree(chosen)
    values = COMPOSER.values(
        chosen, {one.name: value_of(one, tree) for one in parsed if one.name not in COMPOSER.groups}
    )
    values.pop("choices")
    return values


SETTINGS = [
    ["seed=3", "graph=knn", "graph.k=5", "optimizer.lr=1e-3", "protocol.ks=[1,2]"],
    ["graph=random", "graph.seed=${seed}", "seed=5"],
    ["dataset=folder", "dataset.root=a/b", "loss.temperature=0.3", "dataset.transform.size=96", "layer.num_heads=4"],
    ["protocol=paper", "dataset=cub", "protocol.elsewhere.gate=0.1", "loss.temperature=0.4"],
    ["refiner.gate=${drop_edge}", "drop_edge=0.25", "backbone=resnet18", "backbone.weights=null"],
]


@pytest.mark.parametrize("typed", [*SETTINGS, [*read_study("paper_losses").overrides, "seed=2"]])
def test_values_are_those_of_hydra(typed):
    assert composed(typed) == by_hydra(typed)


def test_one_run_changes_nothing_for_the_next():
    before = composed(["graph=knn"])
    one = composed(["graph=knn", "protocol.ks=[1,7]", "graph.k=3"])
    one["protocol"]["ks"].append(9)
    one["dataset"]["transform"]["size"] = 1
    assert composed(["graph=knn"]) == before
    assert composed(["graph=knn", "protocol.ks=[1,7]", "graph.k=3"])["protocol"]["ks"] == [1, 7]


def test_a_plan_is_what_its_runs_resolve_to_alone():
    cells = {"a": ("graph=random", "graph.seed=${seed}"), "1.10": ("graph=knn", "graph.k=2"), "c": ("graph=none",)}
    seen = []
    study = Study("2024_01", (0, 7), ("optimizer.lr=0.01",), cells)
    planned = plan(study, study.seeds, on_plan=lambda number, total: seen.append((number, total)))
    assert seen == [(number, 6) for number in range(1, 7)]
    alone = [
        resolve(["optimizer.lr=0.01", *settings], seed=seed, study_name="2024_01", cell=cell)
        for seed in (0, 7)
        for cell, settings in cells.items()
    ]
    assert planned == alone


EXCHANGED = [
    ["backbone=resnet50", "graph=mutual_knn", "layer=gat", "sampler=nearest"],
    ["protocol=paper", "optimizer=radam", "loss=focal", "layer=published", "graph=none"],
]


@pytest.mark.parametrize("chosen", EXCHANGED)
def test_exchanged_parts_are_in_the_order_of_hydra_too(chosen):
    assert plain_files(chosen, COMPOSER.groups) is not None
    found, expected = composed(chosen), by_hydra(chosen)
    assert json.dumps(found) == json.dumps(expected)
    assert OmegaConf.to_container(COMPOSER.tree(chosen).choices).items() >= {tuple(one.split("=")) for one in chosen}


@pytest.mark.parametrize(
    "chosen",
    [[], ["dataset=emoji"], ["loss=smooth_ap"], ["graph=knn", "graph=complete"], ["graph=mine"], ["graph=knn", "a=b"]],
)
def test_what_is_more_than_an_exchange_is_left_to_hydra(chosen):
    assert plain_files(chosen, {**COMPOSER.groups, "graph": [*COMPOSER.groups["graph"], "mine"]}) is None


@pytest.mark.parametrize("name", ["${}", "a${seed}", "\\${x}", "$", "a}"])
def test_a_name_put_in_is_no_interpolation(name):
    assert resolve([], composer=COMPOSER, cell=name)["cell"] == name


def test_names_inside_interpolations_are_found():
    value = {"a": ["x", "${b.c}"], "d": "${oc.select:e.f,${g}}", "h": "${.i}", "k": 3}
    assert {"b.c", "e.f", "g", "."} <= set(named_inside(value))
    assert not list(named_inside({"a": "b.c", "d": None}))
