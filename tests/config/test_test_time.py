"""Settings beside a trained run: what they change, what they leave, and what is refused."""

import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.config.test_time import overlay, read_settings
from gnn_dml.errors import UserError

DRAWN = resolve(["backbone.dim=16", "graph=knn", "graph.k=3", "seed=4", "protocol.epochs=2"])


def differences(before, after, where=""):
    """Every leaf that is not the same, by its dotted name; None where it is not there."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return {} if before == after else {where: after}
    found = {}
    for key in {**before, **after}:
        found |= differences(before.get(key), after.get(key), f"{where}.{key}".lstrip("."))
    return found


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], {}),
        (["graph.k=5"], {"graph.k": 5}),
        (["protocol.neighbours=6", "graph.k=2"], {"protocol.neighbours": 6, "graph.k": 2}),
        (["device=cpu", "workers=2", "seed=9"], {"device": "cpu", "workers": 2, "seed": 9}),
        (["protocol.folds=3", "protocol.fold=1"], {"protocol.folds": 3, "protocol.fold": 1}),
        (["dataset.root=."], {"dataset.root": ".", "dataset.source.root": "."}),
        (["graph=knn"], {}),
        (["dataset=emoji"], {}),
        (
            ["graph=isolated"],
            {"choices.graph": "isolated", "graph._target_": "gnn_dml.graphs.Isolated", "graph.k": None},
        ),
    ],
)
def test_what_is_typed_changes_and_nothing_else(settings, expected):
    assert differences(DRAWN, overlay(DRAWN, settings)) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["graph=knnn"], r"graph=knnn is unknown.*Did you mean knn\?"),
        (["graph"], "'graph' is not a setting"),
        (["graph.kk=3"], r"'graph\.kk' is unknown; graph has k, loop"),
        (["graph.k=many"], r"graph\.k must be a whole number"),
        (["protocol.neighbours=-1"], r"protocol\.neighbours must be at least 0, not -1"),
        (["graph=none"], r"graph=none is no graph to refine in"),
        (["backbone=resnet18"], r"backbone of a trained run is fixed; beside a run there can be dataset, graph, "),
        (["layer.num_heads=2"], r"layer\.num_heads of a trained run is fixed"),
        (["protocol.ks=[1]"], r"protocol\.ks of a trained run is fixed"),
        (["loss=cross_entropy"], r"loss of a trained run is fixed"),
        (["dataset.root=no/such/file"], r"dataset\.root=no/such/file does not exist"),
        (["dataset=folder"], r"dataset=folder needs dataset\.root=FOLDER"),
        (["dataset.transform.size=32"], r"backbone\.pool=flatten on images of 32 px needs backbone\.map_size=2, not 4"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        overlay(DRAWN, settings)


def test_a_graph_for_a_run_without_a_refiner_is_refused():
    with pytest.raises(UserError, match="graph=knn changes nothing: the run has no refiner"):
        overlay(resolve(["graph=none"]), ["graph=knn"])


def test_what_can_be_said_without_a_run_is():
    assert [override.name for override in read_settings(["graph.k=3", "dataset=cub"])] == ["graph.k", "dataset"]
    with pytest.raises(UserError, match="dataset=cup is unknown"):
        read_settings(["dataset=cup"])


def test_an_older_run_meant_the_nearest_and_no_weights():
    older = {**DRAWN, "protocol": {**DRAWN["protocol"]}, "refiner": {**DRAWN["refiner"]}}
    older["protocol"].pop("neighbourhood", None)
    del older["refiner"]["weighted"]
    found = overlay(older, [])
    assert (found["protocol"]["neighbourhood"], found["refiner"]["weighted"]) == ("nearest", False)
    assert overlay(older, ["protocol.neighbourhood=reciprocal"])["protocol"]["neighbourhood"] == "reciprocal"


def test_weights_that_training_started_from_may_be_gone():
    run = {**DRAWN, "backbone": {**DRAWN["backbone"], "weights": "gone.pth"}, "out": "no/such/folder"}
    assert overlay(run, ["graph.k=2"])["backbone"]["weights"] == "gone.pth"


def test_photographs_for_a_run_on_drawings_have_its_size_and_its_normalisation(tmp_path):
    found = overlay(DRAWN, ["dataset=folder", f"dataset.root={tmp_path}"])
    transform = found["dataset"]["transform"]
    # A shorter side of 256 for a crop of 227 shows as much as one of 72 for a crop of 64.
    assert (transform["size"], transform["resize"], transform["normalize"]) == (64, 72, "half")
    assert transform["_target_"] == "gnn_dml.data.PhotoTransforms"
    assert found["dataset"]["source"] == {
        "_target_": "gnn_dml.data.read_folder",
        "root": str(tmp_path),
        "test_share": 0.5,
    }
    assert differences(DRAWN, {**found, "dataset": DRAWN["dataset"]}) == {"choices.dataset": "folder"}


def test_other_photographs_are_seen_as_large_as_those_of_the_training(tmp_path):
    run = resolve(
        [
            "dataset=folder",
            f"dataset.root={tmp_path}",
            "dataset.transform.size=32",
            "dataset.transform.resize=36",
            "dataset.transform.normalize=published",
        ]
    )
    transform = overlay(run, ["dataset=cub", f"dataset.root={tmp_path}"])["dataset"]["transform"]
    assert (transform["size"], transform["resize"], transform["normalize"]) == (32, 36, "published")
    typed = ["dataset.transform.size=48", "dataset.transform.normalize=half"]
    transform = overlay(run, ["dataset=cub", f"dataset.root={tmp_path}", *typed])["dataset"]["transform"]
    assert (transform["size"], transform["resize"], transform["normalize"]) == (48, 36, "half")


def test_drawings_for_a_run_on_photographs_are_normalised_as_those_were(tmp_path):
    run = resolve(["dataset=folder", f"dataset.root={tmp_path}"])
    transform = overlay(run, ["dataset=emoji"])["dataset"]["transform"]
    assert (transform["mean"], transform["std"]) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    bgr = {
        **run,
        "dataset": {**run["dataset"], "transform": {**run["dataset"]["transform"], "normalize": "bn_inception"}},
    }
    with pytest.raises(UserError, match="normalize=bn_inception cannot be had on a data set of drawings"):
        overlay(bgr, ["dataset=emoji"])
