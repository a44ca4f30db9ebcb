"""A learner on disk: it comes back bit for bit, and what a file may not hold is said in a sentence."""

import copy
import os
import zipfile

import pytest
import torch
import yaml

from gnn_dml.config.compose import resolve
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build_learner
from gnn_dml.experiments.checkpoint import Checkpoint, is_checkpoint, read_checkpoint, snapshot

SMALL = ["backbone.width=2", "backbone.dim=8", "device=cpu"]
CLASSES = 3


@pytest.fixture(scope="module")
def config():
    return resolve([*SMALL, "graph=knn", "graph.k=2", "layer.num_heads=2"])


@pytest.fixture(scope="module")
def learner(config):
    torch.manual_seed(0)
    return build_learner(config, CLASSES)


@pytest.fixture
def held(config, learner, tmp_path):
    """What the file of a checkpoint holds, to be changed."""
    snapshot(config, learner, 7, CLASSES).write(tmp_path / "whole.pt")
    return torch.load(tmp_path / "whole.pt", weights_only=True)


@pytest.fixture
def refused(tmp_path):
    """Writes a file; the message of reading it and building its learner."""

    def read(held):
        path = tmp_path / "file.pt"
        torch.save(held, path)
        with pytest.raises(UserError) as caught:
            read_checkpoint(path).learner()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return read


def changed(held, place, value):
    """A copy with another value at a place in the configuration."""
    held = copy.deepcopy(held)
    *names, last = place.split(".")
    part = held["config"]
    for name in names:
        part = part[name]
    part[last] = value
    return held


@pytest.mark.parametrize(
    "settings",
    [
        ["graph=none"],
        ["graph=complete", "layer=gat", "refiner.num_layers=2"],
        ["graph=threshold", "layer=dot_product", "refiner.weighted=true", "layer.num_heads=1", "drop_edge=0.2"],
    ],
    ids=lambda settings: settings[0],
)
def test_round_trip(settings, tmp_path):
    config = resolve([*SMALL, *settings])
    learner = build_learner(config, CLASSES)
    expected = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
    taken = snapshot(config, learner, 7, CLASSES)
    with torch.no_grad():  # training goes on, and the snapshot does not
        for weight in learner.parameters():
            weight.zero_()
    taken.write(tmp_path / "best.pt")
    for path in (tmp_path, tmp_path / "best.pt"):
        found = read_checkpoint(path)
        assert (found.epoch, found.num_classes, found.losses, found.typed) == (7, CLASSES, {}, False)
        again = found.learner()
        assert not again.training
        assert again.state_dict().keys() == expected.keys()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in again.state_dict().items())
        assert repr(again.topology) == repr(learner.topology)
    assert list(tmp_path.iterdir()) == [tmp_path / "best.pt"]


def test_it_is_read_on_the_cpu_and_written_again_the_same(held, tmp_path):
    read_checkpoint(tmp_path / "whole.pt").write(tmp_path / "again.pt")
    again = torch.load(tmp_path / "again.pt", weights_only=True)
    assert again.keys() == held.keys()
    assert again["left_out"] == held["left_out"]
    assert {name: again["config"].get(name) for name in held["config"] if name not in ("loss", "overrides")} == {
        name: part for name, part in held["config"].items() if name not in ("loss", "overrides")
    }
    assert all(torch.equal(tensor, again["weights"][name]) for name, tensor in held["weights"].items())


def test_a_file_is_written_whole_or_not_at_all(config, learner, tmp_path):
    checkpoint = snapshot(config, learner, 7, CLASSES)
    checkpoint.write(tmp_path / "best.pt")
    before = (tmp_path / "best.pt").read_bytes()
    with pytest.raises(Exception, match="pickle"):
        Checkpoint({**config, "mine": lambda: None}, 8, CLASSES, checkpoint.weights).write(tmp_path / "best.pt")
    assert (tmp_path / "best.pt").read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "best.pt"]


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.99])
def test_a_cut_file_is_named(held, tmp_path, share):
    whole = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"cut\.pt is not a checkpoint of this package"):
        read_checkpoint(tmp_path / "cut.pt")


def test_a_flipped_byte_is_named(held, tmp_path):
    content = bytearray((tmp_path / "whole.pt").read_bytes())
    name, tensor = max(held["weights"].items(), key=lambda item: item[1].numel())
    place = content.find(tensor.numpy().tobytes())
    assert place > 0, name
    content[place] ^= 1
    (tmp_path / "flipped.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"flipped\.pt is damaged: the checksum of .* inside is wrong"):
        read_checkpoint(tmp_path / "flipped.pt")


def test_an_archive_that_unpacks_to_more_than_it_is(held, tmp_path):
    with zipfile.ZipFile(tmp_path / "whole.pt") as archive, zipfile.ZipFile(tmp_path / "packed.pt", "w", 8) as packed:
        for member in archive.infolist():
            packed.writestr(member.filename, archive.read(member))
    with pytest.raises(UserError, match=r"packed\.pt was not written by torch\.save: it unpacks to more than it is"):
        read_checkpoint(tmp_path / "packed.pt")


@pytest.mark.parametrize("content", [b"", b"text", b"PK", b"PK\x05\x06" + 18 * b"\0", b"\x80\x02}q\x00."])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    (tmp_path / "other.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"other\.pt is not a checkpoint of this package"):
        read_checkpoint(tmp_path / "other.pt")


@pytest.mark.parametrize("held", [7, [1], {}, {"config": {}}, {"weights": {}}, {"a": torch.ones(3)}, torch.ones(3)])
def test_a_file_of_other_things_is_named(held, refused):
    assert not is_checkpoint(held)
    assert "is not a checkpoint of this package (it has no configuration beside weights)" in refused(held)


def test_an_object_is_not_loaded(held, refused):
    class_of_ours = Checkpoint(held["config"], 0, CLASSES, held["weights"])
    assert "is not a checkpoint of this package (UnpicklingError)" in refused({**held, "config": class_of_ours})


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("epoch", "7", "its epoch is no whole number"),
        ("epoch", True, "its epoch is no whole number"),
        ("epoch", -1, "its epoch is no whole number"),
        ("num_classes", 2**31, "its num_classes is no whole number"),
        ("num_classes", 2.0, "its num_classes is no whole number"),
        ("weights", [torch.ones(1)], "its weights are no tensors by name"),
        ("weights", {"a": 1}, "its weights are no tensors by name"),
        ("weights", {1: torch.ones(1)}, "its weights are no tensors by name"),
        ("losses", {"a": 1}, "its losses are no tensors by name"),
        ("losses", None, "its losses are no tensors by name"),
        ("left_out", "dataset.root", "its list of paths left out is broken"),
        ("left_out", [1], "its list of paths left out is broken"),
        ("left_out", ["a"] * 101, "its list of paths left out is broken"),
        ("config", [1], "its configuration is no mapping"),
        ("config", {}, "its configuration lacks backbone, graph, dataset, protocol, choices"),
        ("weights", {"a": torch.ones(2).to_sparse()}, "'a' is no plain tensor"),
        ("weights", {"a": torch.ones(1).expand(10**9)}, "the file holds fewer numbers for it"),
        ("losses", {"a": torch.ones(1).expand(10**9)}, "the file holds fewer numbers for it"),
    ],
)
def test_broken_parts_are_named(held, refused, part, value, message):
    assert message in refused({**held, part: value})


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("backbone.dim", 10**9, "backbone.dim=1000000000 in the checkpoint is above 1024"),
        ("refiner.num_layers", 2, "refiner.num_layers=2 in the checkpoint is above 1"),
        ("layer.num_heads", 10**6, "layer.num_heads=1000000 in the checkpoint is above 1024"),
        ("dataset.transform.size", 2049, "dataset.transform.size=2049 in the checkpoint is above 2048"),
        ("graph.k", 2**14 + 1, "graph.k=16385 in the checkpoint is above 16384"),
        ("protocol.neighbours", 10**9, "protocol.neighbours=1000000000 in the checkpoint is above"),
        ("seed", 2**32, "seed=4294967296 in the checkpoint is above"),
        ("seed", "0", "seed must be a number, not a str"),
        ("backbone.dim", 1000, "the weights in the checkpoint do not fit its configuration"),
        ("backbone.width", 3, "of another shape"),
        ("backbone.dim", "8", "Embedder: "),
        ("layer.nonsense", 3, "nonsense"),
        ("graph._target_", "os.mkdir", "graph._target_='os.mkdir' is refused"),
        ("dataset.note", "${oc.env:HOME}", "dataset.note='${oc.env:HOME}' is refused"),
        ("loss.note", "${oc.env:HOME}", "loss.note='${oc.env:HOME}' is refused"),
        ("refiner._args_", [1], "refiner holds the key '_args_'"),
        ("dataset.source", None, "its configuration lacks dataset.source"),
        ("choices", "complete", "its configuration lacks choices"),
    ],
)
def test_a_configuration_that_a_file_may_not_have(held, refused, place, value, message):
    assert message in refused(changed(held, place, value))


def test_the_right_sizes_pass_with_their_bound(held, tmp_path):
    """What is refused above is refused for its value, not for its place."""
    for place, value in (("graph.k", 2**14), ("dataset.transform.size", 2048), ("seed", 2**32 - 1)):
        torch.save(changed(held, place, value), tmp_path / "file.pt")
        read_checkpoint(tmp_path / "file.pt").learner()


def test_many_classes_need_many_weights(held, refused):
    assert "num_classes=1000000000 in the checkpoint is above 1024" in refused({**held, "num_classes": 10**9})
    assert "do not fit its configuration" in refused({**held, "num_classes": 1000})


def test_missing_and_unknown_weights_are_named(held, refused):
    weights = dict(held["weights"])
    name = next(iter(weights))
    weights["mine"] = weights.pop(name)
    said = refused({**held, "weights": weights})
    assert f"missing: {name}" in said
    assert "unknown: mine" in said


@pytest.mark.parametrize("root", ["images", "/somewhere/images", "C:\\images"])
def test_it_brings_no_path(config, learner, tmp_path, root):
    """Those of the data set come from the config.yaml beside it alone."""
    told = copy.deepcopy(config)
    told["dataset"] |= {"root": root, "cache": root, "note": "/somewhere/else"}
    told["dataset"]["source"] |= {"root": root}
    told |= {"out": root, "overrides": ""}
    told["backbone"] |= {"weights": root}
    snapshot(told, learner, 7, CLASSES).write(tmp_path / "best.pt")
    assert b"somewhere" not in (tmp_path / "best.pt").read_bytes()
    found = read_checkpoint(tmp_path)
    assert found.left_out == ("dataset.cache", "dataset.note", "dataset.root", "dataset.source.root")
    assert {found.config["dataset"][name] for name in ("root", "cache", "note")} == {None}
    assert found.config["dataset"]["source"]["root"] is None
    assert found.config["out"] is found.config["backbone"]["weights"] is None
    found.learner()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(told))
    beside = read_checkpoint(tmp_path).config
    assert (beside["dataset"]["root"], beside["dataset"]["source"]["root"]) == (root, root)
    assert beside["dataset"]["note"] == "/somewhere/else"
    assert beside["dataset"]["cache"] is None  # it is not there
    assert beside["out"] is beside["backbone"]["weights"] is None


def test_a_file_asks_for_no_more_processes_than_there_are_cores(held, tmp_path):
    for asked, found in ((10**6, os.cpu_count()), (0, 0), (-1, 0), ("many", 0)):
        torch.save(changed(held, "workers", asked), tmp_path / "file.pt")
        assert read_checkpoint(tmp_path / "file.pt").config["workers"] == found


def test_of_the_losses_only_what_they_learned_is_read(held, tmp_path):
    held = changed(held, "loss", {"terms": {"mine": {"_target_": "nowhere.Loss"}}})
    torch.save({**held, "losses": {"terms.mine.centres": torch.ones(2, 3)}}, tmp_path / "file.pt")
    found = read_checkpoint(tmp_path / "file.pt")
    assert "loss" not in found.config
    assert found.losses["terms.mine.centres"].shape == (2, 3)
    found.learner()


def test_a_typed_configuration_takes_the_place_of_that_of_the_file(held, config, tmp_path):
    """As a run reads what it has written itself: unchecked, with its paths and its losses."""
    torch.save(changed(held, "graph._target_", "nowhere.Graph"), tmp_path / "file.pt")
    found = read_checkpoint(tmp_path / "file.pt", typed=config)
    assert found.config == config
    assert (found.typed, found.left_out) == (True, ())
    assert found.learner().state_dict().keys() == held["weights"].keys()
