"""What a person can get wrong, and what they are told; and that every YAML builds what it names."""

from contextlib import nullcontext

import pytest
import torch
import yaml

from gnn_dml.config.compose import resolve
from gnn_dml.config.names import CONF, SPACE, groups, names_in, studies
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build, build_learner, build_losses
from gnn_dml.experiments.study import overrides_label, plan, read_study
from gnn_dml.models.outline import outline

WRONG = [
    (["graph=knnn"], r"graph=knnn is unknown.*complete.*knn.*Did you mean knn\?"),
    (["graph=knn", "graph.kk=8"], r"'graph\.kk' is unknown; graph has k, loop\. Did you mean graph\.k\?"),
    (["grpah=knn"], r"'grpah' is unknown.*Did you mean graph\?"),
    (["graph=none", "graph.k=3"], r"'graph\.k' is unknown; graph has no settings"),
    (["seed.x=3"], r"'seed\.x' is unknown; seed has no settings"),
    (["graph"], r"'graph' is not a setting; write NAME=VALUE"),
    (
        ["graph=knn", "graph.k=64"],
        r"graph\.k=64 is too large: a batch of 16 classes x 4 images has 64 nodes.*at most 63",
    ),
    (["graph=knn", "graph.k=0"], r"graph\.k must be at least 1, not 0"),
    (["graph=knn", "graph.k=many"], r"graph\.k must be a whole number \(the default is 8\), not 'many'"),
    (["graph=knn", "graph.k=2.5"], r"graph\.k must be a whole number"),
    (["graph=knn", "graph.k=true"], r"graph\.k must be a whole number"),
    (["graph=knn", "graph.loop=1"], r"graph\.loop must be true or false"),
    (["graph=knn", "graph.k=1,2"], r"names several values.*ablate"),
    (["graph=knn", "graph.k="], r"graph\.k must be a whole number"),
    (["graph=class_aware", "graph.mode=both"], r"graph\.mode must be one of same, other, nearest, not 'both'"),
    (["graph=class_aware", "graph.mode=same"], r"graph\.mode=same needs graph\.k=null"),
    (["graph=same_class", "graph.mode=nearest"], r"graph\.mode=nearest needs graph\.k"),
    (["seed=-1"], r"seed must be at least 0, not -1"),
    (["optimizer.lr=0"], r"optimizer\.lr must be above 0, not 0"),
    (["optimizer.lr=nan"], r"optimizer\.lr must be a finite number"),
    (["loss.smoothing=1.0"], r"loss\.smoothing must be at least 0 and below 1"),
    (["layer.num_heads=7"], r"num_heads=7 does not divide the 256 channels"),
    (["refiner.reduction=3"], r"reduction=3 does not divide backbone\.dim=256"),
    (["refiner.output=first"], r"refiner\.output must be one of last, concatenated, every"),
    (["device=gpu"], r"device must be one of auto, cpu, cuda, mps, not 'gpu'"),
    (["dataset.root=/no/such/file"], r"dataset\.root=/no/such/file does not exist"),
    (
        ["backbone=resnet50", "backbone.weights=/no/such/file"],
        r"backbone\.weights must be null, imagenet, packaged or an existing",
    ),
    (["backbone=pixels"], r"backbone=pixels has nothing to train; add graph=none protocol\.epochs=0"),
    (["protocol.select_by=accuracy"], r"select_by must be one of backbone_recall@1.*not 'accuracy'"),
    (["graph=none", "protocol.select_by=refined_recall@1"], r"needs a refiner"),
    (["protocol.train_on=[test]"], r"train_on must hold train, val or both"),
    (["protocol.train_on=[train,val]"], r"classes trained on cannot choose the epoch"),
    (["protocol.ks=[0]"], r"protocol\.ks must be a list of whole numbers"),
    (["study_name=a/b"], r"study_name='a/b' must be a plain folder name"),
    (["+graph.x=1"], r"settings can be changed, not added"),
    (["~graph"], r"not a setting"),
    (["graph=[a"], r"cannot be read"),
    (["seed=null"], r"seed must be a whole number \(the default is 0\), not null"),
    (["seed=4294967296"], r"seed must be below 2\^32"),
    (["graph=knn", "graph.k=null"], r"graph\.k must be a whole number, not null"),
    (["protocol.ks=5"], r"protocol\.ks must be a list like \[1, 2, 4, 8\], not 5"),
    (["protocol.ks=[2,4]", "protocol.select_by=backbone_map@r"], r"protocol\.ks must hold 1"),
    (["protocol.train_on=null"], r"protocol\.train_on must be a list"),
    (["optimizer.refiner_rate=inf"], r"refiner_rate must be a finite number"),
    (["protocol.classes_per_batch=1", "protocol.images_per_class=1"], r"a batch needs two images"),
    (["dataset.transform.size=32"], r"flatten on images of 32 px needs backbone\.map_size=2, not 4"),
    (["drop_edge=1.0"], r"drop_edge must be at least 0 and below 1, not 1\.0"),
    (["drop_edge=-0.1"], r"drop_edge must be at least 0 and below 1, not -0\.1"),
    (["drop_edge=null"], r"drop_edge must be a number \(the default is 0\.0\), not null"),
    (["graph=mutual_knn", "graph.k=64"], r"graph\.k=64 is too large.*at most 63"),
    (["protocol.choose_neighbours=4"], r"protocol\.choose_neighbours must be a list like"),
    (
        ["protocol.choose_neighbours=[]"],
        r"protocol\.choose_neighbours must be null or a list of whole numbers of at least 0",
    ),
    (["protocol.choose_neighbours=[1,-1]"], r"choose_neighbours must be null or a list .* not \[1, -1\]"),
    (["refiner.gate=open"], r"refiner\.gate must be a number"),
    (["protocol.neighbourhood=mutual"], r"neighbourhood must be one of nearest, reciprocal, not 'mutual'"),
    (["protocol.neighbourhood=null"], r"neighbourhood must be a word \(the default is nearest\), not null"),
    (["graph=mutual_knn", "graph.k=null"], r"graph\.k must be a whole number, not null"),
    (["graph=random", "graph.k=64"], r"graph\.k=64 is too large.*at most 63"),
    (["graph=random", "graph.k=null"], r"graph\.k must be a whole number, not null"),
    (["graph=random", "graph.k=0"], r"graph\.k must be at least 1, not 0"),
    (["graph=random", "graph.seed=-1"], r"graph\.seed must be at least 0, not -1"),
    (["graph=mutual_knnn"], r"Did you mean mutual_knn\?"),
    (["graph=other_classes", "graph.k=many"], r"graph\.k must be a whole number \(the default is null\), not 'many'"),
    (["graph=knn", "graph.loop=null"], r"graph\.loop must be true or false, not null"),
    (["graph=threshold", "graph.loop=3"], r"graph\.loop must be true or false \(the default is False\), not 3"),
    (["graph=threshold", "graph.threshold=no"], r"graph\.threshold must be a number \(the default is 0\.0\), not 'no'"),
    (["graph=threshold", "graph.threshold=true"], r"graph\.threshold must be a number"),
    (["graph=threshold", "graph.threshold=1"], r"graph\.threshold must be below 1 with graph\.negatives=hard, not 1:"),
    (
        ["graph=threshold", "graph.negatives=soft", "graph.threshold=2.5"],
        r"graph\.threshold must be below 2 with graph\.negatives=soft, not 2\.5:",
    ),
    (["graph=threshold", "graph.similarity=dot"], r"graph\.similarity must be one of correlation, cosine, not 'dot'"),
    (["graph=threshold", "graph.negatives=medium"], r"graph\.negatives must be one of hard, soft, not 'medium'"),
    (["graph=threshold", "graph.negatives=null"], r"graph\.negatives must be a word"),
    (["refiner.weighted=true"], r"needs edge weights: graph=threshold has them, graph=complete not"),
    (
        ["graph=threshold", "refiner.weighted=true", "layer=gat"],
        r"refiner\.weighted=true needs layer=dot_product: layer=gat takes no edge weights",
    ),
    (["refiner.weighted=1"], r"refiner\.weighted must be true or false"),
    (["refiner=3"], r"refiner holds several settings; change one of them"),
]


@pytest.mark.parametrize(
    ("settings", "message"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_one_clear_sentence(settings, message):
    with pytest.raises(UserError, match=message) as caught:
        resolve(settings)
    assert "\n" not in str(caught.value)


def test_all_problems_are_said_at_once():
    with pytest.raises(UserError) as caught:
        resolve(["seed=-1", "optimizer.lr=-2", "graph=knn", "graph.k=99"])
    for name in ("seed", "optimizer.lr", "graph.k"):
        assert name in str(caught.value)


def test_out_must_not_be_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        resolve([f"out={tmp_path / 'file' / 'below'}"])


def test_choices_and_values_reach_the_configuration():
    config = resolve(["graph=knn", "graph.k=5", "layer=gat", "seed=3"], cell="five")
    assert config["choices"]["graph"] == "knn"
    assert config["choices"]["layer"] == "gat"
    assert (config["graph"]["k"], config["seed"], config["cell"]) == (5, 3, "five")
    assert "hydra" not in config


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("graph.threshold=null", None),
        ("graph.threshold=0", 0),
        ("graph.threshold=-0.5", -0.5),
        ("graph.threshold=-1", -1),
        ("graph.loop=null", None),
        ("graph.loop=true", True),
        ("graph.loop=false", False),
        ("graph.negatives=soft", "soft"),
        ("graph.similarity=cosine", "cosine"),
    ],
)
def test_a_threshold_graph_takes_what_its_class_takes(setting, value):
    config = resolve(["graph=threshold", setting, "refiner.weighted=true"])
    name = setting.partition("=")[0].removeprefix("graph.")
    learner = build_learner(config, num_classes=5)
    assert config["graph"][name] == value
    assert getattr(learner.topology, name) == value
    assert learner.refiner.weighted


def test_a_soft_threshold_may_exceed_one():
    resolve(["graph=threshold", "graph.negatives=soft", "graph.threshold=1.5"])


@pytest.mark.parametrize("settings", [["graph=none", "refiner.weighted=true"], ["graph=none", "drop_edge=0.5"]])
def test_settings_of_the_graph_do_not_matter_without_one(settings):
    assert build_learner(resolve(settings), 5).topology is None


SELECTORS = [
    (group, name) for group, names in groups().items() for name in names if (group, name) != ("backbone", "pixels")
]
PRETRAINED = ("resnet50", "resnet18", "densenet121", "timm", "vit_small_dino")


@pytest.fixture(scope="module")
def own_images(trees, tmp_path_factory):
    """What each data set needs to be read: a small tree in its layout."""
    roots = {}
    for name, module in trees.FOUND.items():
        roots[name] = module.write(tmp_path_factory.mktemp(name))
    return roots


def needs(group, name, own_images):
    """Settings without which a name cannot be built here."""
    if group == "backbone" and name in PRETRAINED:
        return [f"dataset.root={own_images['emoji']}", "backbone.weights=null"]
    if group == "dataset":
        strict = ["dataset.strict=false"] if "strict:" in (CONF / "dataset" / f"{name}.yaml").read_text() else []
        weights = ["backbone.weights=null"] if "backbone:" in (CONF / "dataset" / f"{name}.yaml").read_text() else []
        return [f"dataset.root={own_images[name]}", *weights, *strict]
    return [f"dataset.root={own_images['emoji']}"]


@pytest.mark.parametrize(("group", "name"), SELECTORS)
def test_every_yaml_builds_what_it_names(group, name, own_images):
    settings = [f"{group}={name}", *needs(group, name, own_images)]
    if name == "vit_small_dino":
        settings.append("dataset.transform.size=32")
    config = resolve(settings)
    with nullcontext() if config["choices"]["backbone"] == "small_cnn" else outline():  # large ones take a second
        learner = build_learner(config, num_classes=5)
    assert (learner.refiner is None) == (config["choices"]["graph"] == "none")
    assert build_losses(config, learner, 5).active(refined=False)
    for part in (config["dataset"]["source"], config["dataset"]["transform"]):
        assert build(part) is not None
    labels = torch.arange(200) // 4
    assert len(list(build(config["sampler"], labels=labels, classes_per_batch=3, images_per_class=4, seed=0))) > 1


@pytest.mark.parametrize("settings", [["backbone=pixels", "graph=none", "protocol.epochs=0"]])
def test_pixels_build(settings):
    assert not list(build_learner(resolve(settings), 5).parameters())


def test_resnet50_builds_without_its_download():
    learner = build_learner(resolve(["backbone=resnet50", "backbone.weights=null"]), 5)
    assert learner.embedder.dim == 512


def test_every_yaml_of_the_package_is_covered():
    found = {(path.parent.name, path.stem) for path in CONF.glob("*/*.yaml")}
    covered = {*SELECTORS, ("backbone", "pixels"), *(("study", name) for name in studies())}
    covered |= {(SPACE, name) for name in names_in(SPACE)}
    assert found == covered


def test_every_yaml_opens_with_what_it_is():
    for path in CONF.rglob("*.yaml"):
        assert path.read_text().startswith("# "), path


STUDIES = [
    ("cells: {a: [graph=knnn]}", r"cell 'a' of the study mine: graph=knnn is unknown"),
    ("cells: {}", r"needs the key cells"),
    ("- 1", r"needs the key cells"),
    ("cells: {a: graph=knn}", r"a must be a list of settings"),
    ("cells: {a: []}\nseeds: [x]", r"seeds must be a list of whole numbers"),
    ("cells: {a: []}\nseed: [1]", r"unknown keys seed"),
    ("cells: [", r"is no YAML"),
    ("cells: {a: []}\nseed_spread: lots", r"seed_spread must be a fraction"),
    ("cells:\n  a: []\n  a: [graph=knn]", r"has a more than once"),
    ("cells: {a: [seed=3]}", r"seed=3: a study sets seed itself; choose seeds with --seeds"),
    ("cells: {a: []}\noverrides: [study_name=x]", r"a study sets study_name itself"),
]


@pytest.mark.parametrize(("text", "message"), STUDIES)
def test_a_wrong_study_is_named(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        plan(read_study(str(path)), [0], [])


def test_two_cells_that_are_one_run_are_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("cells: {a: [graph=knn], b: [graph=knn, graph.k=8]}")
    with pytest.raises(UserError, match="cells 'a' and 'b' of the study mine are the same run"):
        plan(read_study(str(path)), [0], [])


def test_an_unknown_study_lists_the_known():
    with pytest.raises(
        UserError, match=r"no study 'topolgy'; the package has auxiliary_loss, .*, topology.*Did you mean topology\?"
    ):
        read_study("topolgy")


def test_settings_of_cell_and_command_line_meet(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        yaml.safe_dump({"seeds": [4, 5], "overrides": ["graph=knn"], "cells": {"a": ["graph.k=3"], "b": []}})
    )
    configs = plan(read_study(str(path)), [4, 5, 4], ["optimizer.lr=0.1"])
    assert [(config["cell"], config["seed"], config["graph"]["k"]) for config in configs] == [
        ("a", 4, 3),
        ("b", 4, 8),
        ("a", 5, 3),
        ("b", 5, 8),
    ]
    assert {(config["optimizer"]["lr"], config["study_name"]) for config in configs} == {(0.1, "mine")}


def test_where_a_study_runs_is_no_part_of_its_label():
    assert overrides_label(["optimizer.lr=0.1", "out=elsewhere", "device=cpu", "workers=2"]) == "optimizer.lr=0.1"


def test_what_is_interpolated_from_the_seed_follows_the_seed_of_each_cell(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("cells: {a: [graph=random, 'graph.seed=${seed}']}")
    configs = plan(read_study(str(path)), [0, 4, 7])
    assert [(config["seed"], config["graph"]["seed"]) for config in configs] == [(0, 0), (4, 4), (7, 7)]


def test_an_interpolated_value_of_another_kind_is_named():
    assert resolve(["graph=random", "graph.seed=${seed}", "seed=5"])["graph"]["seed"] == 5
    with pytest.raises(UserError, match=r"graph\.seed must be a whole number \(the default is 0\), not 'auto'"):
        resolve(["graph=random", "graph.seed=${device}"])


PAPER = {
    "cub": ("redrawn", "complete", 2, 1, "last", 6, 9, 0.0001563663718906821, 6.059722614369727e-06, 0.2),
    "cars196": (
        "groups",
        "complete",
        8,
        2,
        "concatenated",
        10,
        7,
        0.00036683239911604993,
        2.551918610962277e-09,
        0.1111111111111,
    ),
    "sop": ("groups", "none", 8, 1, "last", 15, 6, 0.0002472471515853406, 2.7650277063255275e-13, 0.6046908988578005),
    "inshop": (
        "groups",
        "complete",
        4,
        1,
        "last",
        14,
        4,
        0.00011265974954242144,
        1.0554824926510768e-07,
        0.18591347176280537,
    ),
}


def chosen(config):
    protocol, optimizer = config["protocol"], config["optimizer"]
    return (
        config["choices"]["sampler"],
        config["choices"]["graph"],
        config["layer"]["num_heads"],
        config["refiner"]["num_layers"],
        config["refiner"]["output"],
        protocol["classes_per_batch"],
        protocol["images_per_class"],
        optimizer["lr"],
        optimizer["weight_decay"],
        config["loss"]["temperature"],
    )


@pytest.mark.parametrize("name", list(PAPER))
def test_a_data_set_brings_the_papers_settings(name, own_images):
    settings = [f"dataset={name}", f"dataset.root={own_images[name]}", "dataset.strict=false"]
    config = resolve(settings)
    assert chosen(config) == PAPER[name]
    assert (config["choices"]["backbone"], config["backbone"]["weights"]) == ("resnet50", "imagenet")
    assert (config["choices"]["optimizer"], config["choices"]["layer"]) == ("radam", "published")
    assert (config["layer"]["quiet"], config["layer"]["dropout"], config["protocol"]["epochs"]) == (True, 0.1, 70)
    assert (config["protocol"]["select_on"], config["protocol"]["neighbourhood"]) == ("val", "nearest")
    paper = resolve([*settings, "protocol=paper"])["protocol"]
    assert (paper["select_on"], paper["neighbourhood"]) == ("test", "reciprocal")
    assert paper["neighbours"] == (3 if name == "inshop" else 6)


def test_what_is_typed_wins_over_what_a_data_set_brings(own_images):
    settings = ["dataset=cub", f"dataset.root={own_images['cub']}", "dataset.strict=false"]
    more = ["sampler=distinct", "graph=knn", "layer=gat", "layer.num_heads=4", "optimizer.lr=0.5", "protocol.epochs=3"]
    config = resolve([*settings, *more])
    found = chosen(config)
    assert found[:3] == ("distinct", "knn", 4)
    assert found[7] == 0.5
    assert config["protocol"]["epochs"] == 3
    assert "quiet" not in config["layer"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["protocol.val_share=1.0"], r"protocol\.val_share must be at least 0 and below 1, not 1"),
        (["protocol.val_share=0"], r"protocol\.val_share must be above 0, not 0"),
        (["protocol.folds=1"], r"protocol\.folds must be at least 2, not 1"),
        (["protocol.folds=3", "protocol.fold=3"], r"protocol\.fold must be below protocol\.folds=3, not 3"),
        (["protocol.folds=many"], r"protocol\.folds must be a whole number"),
        (["dataset.cache=/dev/null"], r"dataset\.cache=/dev/null must be a folder, and it is a file"),
        (["dataset.cache_side=0"], r"dataset\.cache_side must be at least 1, not 0"),
        (["dataset.transform.size=0"], r"dataset\.transform\.size must be at least 1, not 0"),
        (["dataset.strict=maybe"], r"dataset\.strict must be true or false"),
    ],
)
def test_wrong_data_settings_are_named(settings, message, own_images):
    with pytest.raises(UserError, match=message):
        resolve(["dataset=cub", f"dataset.root={own_images['cub']}", *settings])
