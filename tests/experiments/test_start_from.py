"""A run that begins with the weights of an earlier one."""

import shutil

import pytest
import torch

from gnn_dml.config.compose import resolve
from gnn_dml.config.identity import run_id
from gnn_dml.errors import UserError
from gnn_dml.experiments.checkpoint import read_checkpoint
from gnn_dml.experiments.dry_build import dry_build
from gnn_dml.experiments.run import Run


@pytest.fixture(scope="module")
def first(settings_in, tmp_path_factory):
    settings = settings_in(tmp_path_factory.mktemp("first"))
    run = Run(resolve([*settings, "graph=knn", "graph.k=3", "protocol.epochs=1"]))
    run.execute()
    return run.folder


def begin(settings, *more):
    said = []
    run = Run(resolve([*settings, "protocol.epochs=0", *more]), say=said.append)
    run.execute()
    return read_checkpoint(run.folder).weights, said


def equal(one, other, *prefixes):
    names = [name for name in one if name.startswith(prefixes)]
    assert names
    return all(torch.equal(one[name], other[name]) for name in names)


def test_the_same_classes_take_everything(first, tiny_settings):
    for seed, start in enumerate((first, first / "best.pt")):
        weights, said = begin(tiny_settings, "graph=knn", "graph.k=3", f"seed={5 + seed}", f"start_from={start}")
        assert equal(weights, read_checkpoint(first).weights, "embedder.", "refiner.")
        assert said[0] == f"begins with the weights of {start}"


def test_other_classes_have_classifiers_of_their_own(first, tiny_settings):
    held = read_checkpoint(first).weights
    weights, said = begin(tiny_settings, "graph=knn", "graph.k=3", "seed=5", "protocol.folds=2", f"start_from={first}")
    assert equal(weights, held, "embedder.backbone.", "embedder.projection.", "refiner.blocks.")
    name = "refiner.necks.0.classifier.weight"
    assert weights[name].shape[0] < held[name].shape[0]  # six classes of twelve, and eight
    assert "classifiers begin anew" in said[0]


def test_a_refiner_may_be_on_one_side_alone(first, tiny_settings):
    weights, said = begin(tiny_settings, "graph=none", f"start_from={first}")
    assert equal(weights, read_checkpoint(first).weights, "embedder.")
    assert "anew" not in said[0]


def test_weights_count_by_their_content_and_the_file_brings_no_path(first, tiny_settings, tmp_path):
    copy = tmp_path / "elsewhere.pt"
    copy.write_bytes((first / "best.pt").read_bytes())
    names = {run_id(resolve([*tiny_settings, *more])) for more in ([f"start_from={first}"], [f"start_from={copy}"])}
    assert len(names) == 1
    assert run_id(resolve(tiny_settings)) not in names
    run = Run(resolve([*tiny_settings, "graph=none", "protocol.epochs=0", f"start_from={copy}"]))
    run.execute()
    copy.unlink()
    assert read_checkpoint(run.folder).config["start_from"] is None


def test_what_cannot_be_used_is_said_before_training(first, tiny_settings, tmp_path):
    def refused(start, said, *more):
        with pytest.raises(UserError, match=said):
            dry_build(resolve([*tiny_settings, f"start_from={start}", *more]))

    refused(tmp_path / "none", "start_from must be null, a run folder or a checkpoint")
    refused(first, r"start_from=.* does not fit the settings of this run: of another shape", "backbone.dim=8")
    (tmp_path / "text.pt").write_text("hello")
    refused(tmp_path / "text.pt", "is not a checkpoint of this package")
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "bare.pt")
    refused(tmp_path / "bare.pt", "is not a checkpoint of this package")
    held = torch.load(first / "best.pt", weights_only=True)
    name = next(name for name in held["weights"] if name.startswith("embedder.projection"))
    held["weights"][name] = held["weights"][name] / 0
    torch.save(held, tmp_path / "infinite.pt")
    refused(tmp_path / "infinite.pt", "holds NaN or infinity")
    changed = shutil.copytree(first, tmp_path / "changed")
    with (changed / "best.pt").open("ab") as file:
        file.write(b" ")
    refused(changed, "has changed since its run ended")
