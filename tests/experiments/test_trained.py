"""Weights that are there: what a file holds decides, and what does not fit is said."""

import pytest
import torch

from gnn_dml.config.compose import resolve
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build_learner
from gnn_dml.experiments.checkpoint import Checkpoint, snapshot
from gnn_dml.experiments.trained import from_published, from_run, read_model
from gnn_dml.graphs import KNN, Complete, Isolated

SMALL = ["backbone.width=2", "backbone.dim=8", "device=cpu"]


def checkpoint(*settings):
    config = resolve([*SMALL, *settings])
    return snapshot(config, build_learner(config, 3), 5, 3)


def test_content_decides_and_not_the_name(published_weights, tmp_path):
    ours, (_, state) = checkpoint("graph=none"), published_weights.make_cnn()
    ours.write(tmp_path / "ours.pth")
    torch.save(state, tmp_path / "published.pt")
    assert read_model(tmp_path / "ours.pth").epoch == 5
    assert isinstance(read_model(tmp_path / "ours.pth"), Checkpoint)
    assert read_model(tmp_path / "published.pt").keys() == state.keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "weights.pth is no file of weights: it was not written whole by torch.save"),
        (b"text", "weights.pth is no file of weights"),
        (7, "weights.pth must hold a mapping of names to tensors, and it holds one int"),
        ({"config": {}, "weights": {}}, "weights.pth is not a checkpoint of this package"),
    ],
)
def test_what_is_neither_is_said_in_a_sentence(tmp_path, content, message):
    path = tmp_path / "weights.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(UserError, match=message):
        read_model(path)
    with pytest.raises(UserError, match=r"no checkpoint at .*nowhere"):
        read_model(tmp_path / "nowhere")


def test_a_cut_off_checkpoint_is_no_checkpoint(tmp_path):
    path = tmp_path / "best.pt"
    checkpoint("graph=none").write(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"best\.pt is no file of weights: it was not written whole"):
        read_model(path)


def test_another_graph_takes_the_place_of_the_one_trained_with():
    trained = checkpoint("graph=knn", "graph.k=3", "drop_edge=0.5")
    other = resolve([*SMALL, "graph=isolated"])
    kept = from_run("run", trained, other)
    swapped = from_run("run", trained, other, test_graph=True)
    assert isinstance(kept.learner.test_topology, KNN)
    assert isinstance(swapped.learner.test_topology, Isolated)
    assert (swapped.epoch, swapped.learner.training) == (5, False)
    for name, tensor in trained.weights.items():
        assert torch.equal(swapped.learner.state_dict()[name], tensor)


def test_a_graph_from_labels_or_without_a_refiner_is_refused():
    labels = resolve([*SMALL, "graph=same_class"])
    with pytest.raises(UserError, match="is built from labels, and test images have none; use a label-free graph"):
        from_run("run", checkpoint(), labels, test_graph=True)
    with pytest.raises(UserError, match="run has no refiner, so a graph changes nothing"):
        from_run("run", checkpoint("graph=none"), resolve(SMALL), test_graph=True)
    assert isinstance(from_run("run", checkpoint("graph=same_class"), labels).learner.test_topology, Complete)


def test_published_weights_give_the_modules_they_are_of(published_weights, tmp_path):
    (embedder, cnn), (refiner, gnn) = published_weights.make_cnn(), published_weights.make_refiner()
    config = resolve(["dataset=sop", f"dataset.root={tmp_path}", "backbone=resnet18", "layer.num_heads=2"])
    alone = from_published("cnn.pth", cnn, config)
    both = from_published("cnn.pth", cnn, config, gnn)
    assert (alone.learner.refiner, alone.epoch) == (None, None)
    assert isinstance(both.learner.test_topology, Complete)  # though the published configuration of SOP has no graph
    images, x = torch.randn(2, 3, 64, 64), torch.nn.functional.normalize(torch.randn(5, 512), dim=1)
    with torch.no_grad():
        assert torch.equal(alone.learner.embedder(images).features, embedder(images).features)
        torch.testing.assert_close(both.learner.refiner(x).features[0], refiner(x).features[0])


def test_published_weights_that_do_not_fit_are_refused(published_weights, tmp_path):
    _, cnn = published_weights.make_cnn()
    _, gnn = published_weights.make_refiner()

    def load(*settings, refiner=None):
        folder = ["dataset=folder", f"dataset.root={tmp_path}", "backbone=resnet18", "layer.num_heads=2"]
        return from_published("cnn.pth", cnn, resolve([*folder, *settings]), refiner)

    with pytest.raises(UserError, match="the checkpoint does not fit resnet34: missing: layer1"):
        load("backbone.name=resnet34")
    with pytest.raises(UserError, match="refiner takes embeddings of 64 channels, and those of the CNN have 512"):
        load(refiner=published_weights.make_refiner(64)[1])
    with pytest.raises(UserError, match=r"layer\.num_heads=3 does not fit the refiner: .*3 does not"):
        load("layer.num_heads=3", "backbone.dim=12", refiner=gnn)
    with pytest.raises(UserError, match="is built from labels"):
        load("graph=same_class", refiner=gnn)
    with pytest.raises(UserError, match="the checkpoint holds no refiner"):
        load(refiner=cnn)


@pytest.mark.parametrize(
    "content", ["{}", "no JSON", '{"run_id": "a", "status": "", "seed": 0, "backbone_recall@1": 1}']
)
def test_whatever_lies_beside_a_file_of_weights_is_no_matter(tmp_path, content):
    """A result.json that is not a run's, or is of a version that chose no expansion."""
    held = checkpoint("graph=none")
    held.write(tmp_path / "mine.pt")
    (tmp_path / "result.json").write_text(content)
    found = from_run(str(tmp_path / "mine.pt"), read_model(tmp_path / "mine.pt"), held.config)
    assert found.expansion is None
