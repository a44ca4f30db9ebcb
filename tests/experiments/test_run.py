"""A run from configuration to row: files, reproducibility, resumption, divergence."""

import json
import shutil
import zipfile
from dataclasses import replace

import pandas as pd
import pytest
import torch
import yaml

from gnn_dml.config.compose import resolve
from gnn_dml.data import emoji_archive
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embed import embed
from gnn_dml.evaluation.expand import ExpansionOptions, expand
from gnn_dml.evaluation.neighbourhoods import NearestNeighbourhoods
from gnn_dml.evaluation.training_free import measure_training_free
from gnn_dml.experiments.build import build_source
from gnn_dml.experiments.checkpoint import read_checkpoint
from gnn_dml.experiments.finished import check_weights
from gnn_dml.experiments.measure import measure
from gnn_dml.experiments.run import Run
from gnn_dml.metrics import retrieval


def run(settings, *more):
    job = Run(resolve([*settings, *more]))
    return job, job.execute()


def weights(job, name="last.pt"):
    return read_checkpoint(job.folder / name).weights


def check_same_weights(one, other):
    expected, found = weights(one), weights(other)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name


@pytest.fixture(scope="module")
def usual(settings_in, tmp_path_factory):
    """A finished run and its row; what changes its files does so in a copy."""
    return run(settings_in(tmp_path_factory.mktemp("usual")))


@pytest.fixture(scope="module")
def plain(settings_in, tmp_path_factory):
    """One without a refiner, with what a row holds beyond the usual where it is asked for."""
    more = ["graph=none", "protocol.train_recall=true", "protocol.training_free=[alpha_qe,k_reciprocal]"]
    return run(settings_in(tmp_path_factory.mktemp("plain")), *more)


def test_files_and_row(tiny_settings):
    job, row = run(tiny_settings, "graph=knn", "graph.k=3", "layer.num_heads=2", "protocol.choose_neighbours=[2]")
    for name in ("config.yaml", "metrics.csv", "result.json", "best.pt", "last.pt", "neighbours.npz"):
        assert (job.folder / name).is_file(), name
    assert not (job.folder / "resume.pt").exists()
    assert json.loads((job.folder / "result.json").read_text()) == row
    assert yaml.safe_load((job.folder / "config.yaml").read_text()) == job.config
    assert row["status"] == "finished"
    assert row["selected_on"] == "val"
    assert row["test_graph"].startswith("KNN(k=2, ")
    assert row["test_graph"].endswith(" over each image and its 2 nearest")
    assert row["test_neighbours"] == 2
    epochs = pd.read_csv(job.folder / "metrics.csv")
    assert epochs["epoch"].tolist() == [1, 2]
    best = epochs.sort_values(["val_backbone_recall@1", "val_backbone_map@r", "epoch"]).iloc[-1]
    assert row["chosen_epoch"] == best["epoch"]
    assert row["val_backbone_recall@1"] == pytest.approx(best["val_backbone_recall@1"])
    assert epochs["rate_refiner"].iloc[0] == pytest.approx(0.1 * epochs["rate_cnn"].iloc[0])
    purity = epochs[["purity_chance", *(f"purity_layer1_head{head}" for head in (1, 2))]]
    assert purity.gt(0).all(axis=None)
    assert purity.le(1).all(axis=None)


def test_figures_are_those_of_the_checkpoint(usual):
    """Embed the test images by hand with the stored weights, and score them."""
    job, row = usual
    checkpoint = read_checkpoint(job.folder)
    learner = checkpoint.learner()
    split = emoji_archive(job.config["dataset"]["root"]).split("test")
    with torch.no_grad():
        x = learner.embedder(split.images.float() / 127.5 - 1).features
    expected = retrieval(x, split.labels)
    assert row["backbone_recall@1"] == pytest.approx(expected["recall@1"])
    assert row["backbone_map@r"] == pytest.approx(expected["map@r"], abs=1e-3)
    source, transforms, _ = build_source(checkpoint.config)
    again = measure(checkpoint, source.split("test"), transforms, torch.device("cpu")).figures
    assert again == {name: row[name] for name in again}
    classes = pd.read_csv(job.folder / "classes.csv")
    assert classes["class"].tolist() == list(split.class_names)
    assert classes["queries"].sum() == len(split)
    for name in ("backbone_recall@1", "expanded_map@r", "refined_map@r"):
        assert (classes[name] * classes["queries"]).sum() / len(split) == pytest.approx(row[name], abs=1e-12)


def test_the_number_of_neighbours_is_that_of_the_chosen_epoch(tiny_settings):
    """Every epoch keeps the number under which its validation classes score best, and the weights bring it along."""
    job, row = run(tiny_settings, "protocol.choose_neighbours=[0,1,3]", "protocol.epochs=3")
    epochs = pd.read_csv(job.folder / "metrics.csv").set_index("epoch")
    assert set(epochs["test_neighbours"]) <= {0, 1, 3}
    for name, epoch in (("best.pt", row["chosen_epoch"]), ("last.pt", 3)):
        checkpoint = read_checkpoint(job.folder / name)
        assert checkpoint.config["protocol"]["neighbours"] == epochs.loc[epoch, "test_neighbours"]
        source, transforms, _ = build_source(checkpoint.config)
        figures = {}
        for count in (0, 1, 3):
            config = {**checkpoint.config, "protocol": {**checkpoint.config["protocol"], "neighbours": count}}
            found = measure(replace(checkpoint, config=config), source.split("val"), transforms, torch.device("cpu"))
            figures[count] = found.figures["refined_recall@1"] + found.figures["refined_map@r"]
        assert max(figures, key=lambda count: (figures[count], -count)) == epochs.loc[epoch, "test_neighbours"]
        scored = epochs.loc[epoch, "val_refined_recall@1"] + epochs.loc[epoch, "val_refined_map@r"]
        assert scored == pytest.approx(max(figures.values()))
    assert row["test_neighbours"] == epochs.loc[row["chosen_epoch"], "test_neighbours"]


def test_recall_on_the_training_images_where_it_is_asked_for(plain):
    job, row = plain
    last = pd.read_csv(job.folder / "metrics.csv").iloc[-1]
    checkpoint = read_checkpoint(job.folder / "last.pt")
    source, transforms, _ = build_source(checkpoint.config)
    found = measure(checkpoint, source.split("train"), transforms, torch.device("cpu")).figures
    assert last["train_backbone_recall@1"] == pytest.approx(found["backbone_recall@1"])
    assert not any(name.startswith("train_backbone_") for name in row)


def test_other_methods_without_training_stand_in_the_row_where_they_are_asked_for(plain, tiny_settings):
    job, row = plain
    source, transforms, _ = build_source(job.config)
    split = source.split("test")
    x = embed(
        read_checkpoint(job.folder).learner(),
        split,
        transforms,
        torch.device("cpu"),
        neighbourhoods=NearestNeighbourhoods(1),
    ).backbone
    for one in measure_training_free(x, split.labels, methods=["alpha_qe", "k_reciprocal"]):
        assert row[f"{one.embedding}_map@r"] == pytest.approx(one.scores["map@r"])
        assert row[f"{one.embedding}_recall@8"] == pytest.approx(one.scores["recall@8"])
    with pytest.raises(UserError, match=r"protocol\.training_free holds 'dream'; it can hold average_qe, alpha_qe"):
        run(tiny_settings, "protocol.training_free=[dream]")


def test_signs_of_life_and_the_expanded_embedding_are_in_the_row(usual):
    job, row = usual
    assert not any("alpha_qe" in name for name in row)  # nobody asked for it
    last = pd.read_csv(job.folder / "metrics.csv").iloc[-1]
    assert row["attention_entropy"] == pytest.approx(last["entropy_layer1"])
    assert row["message_size"] == pytest.approx(last["message_layer1"])
    assert row["gradient_share"] == pytest.approx(last["gradient_share"])
    assert row["ce_of_guessing"] == pytest.approx(last["ce_of_guessing_refined"])
    split = emoji_archive(job.config["dataset"]["root"]).split("test")
    with torch.no_grad():
        x = read_checkpoint(job.folder).learner().embedder(split.images.float() / 127.5 - 1).features
    chosen = ExpansionOptions.parse(row["expansion"])
    moved = expand(x, neighbours=chosen.neighbours, temperature=chosen.temperature, weight=chosen.weight)
    expected = retrieval(moved, split.labels)
    assert row["expanded_map@r"] == pytest.approx(expected["map@r"], abs=1e-3)


@pytest.mark.parametrize(
    "graph",
    [
        ["graph=complete"],
        ["graph=class_aware", "protocol.epochs=1"],
        ["graph=random", "graph.k=3", "protocol.epochs=1"],
        ["graph=threshold", "refiner.weighted=true", "protocol.epochs=1"],
    ],
    ids=" ".join,
)
def test_the_same_seed_gives_the_same_bits(tiny_settings, tmp_path, graph):
    first, row = run(tiny_settings, *graph)
    second, again = run(tiny_settings, *graph, f"out={tmp_path / 'again'}")
    assert first.folder.name == second.folder.name
    check_same_weights(first, second)
    different = {key for key in row if row[key] != again[key]}
    assert different <= {"seconds", "weights"}  # the files of weights hold `out`


def test_another_seed_gives_other_weights_under_another_name(tiny_settings):
    first, other = (run(tiny_settings, "graph=none", "protocol.epochs=0", f"seed={seed}")[0] for seed in (0, 1))
    assert other.folder.name != first.folder.name
    assert not torch.equal(weights(other)["embedder.projection.weight"], weights(first)["embedder.projection.weight"])


class PowerCutError(Exception):
    """What stops a run half-way."""


def test_an_interrupted_run_goes_on_to_the_same_bits(tiny_settings, tmp_path):
    settings = [*tiny_settings, "layer.dropout=0.3", "drop_edge=0.3", "protocol.epochs=3"]
    whole, row = run(settings)
    job = Run(resolve([*settings, f"out={tmp_path / 'cut'}"]))
    seen = []

    def cut(total, done):
        def advance(loss):
            seen.append(loss)
            if len(seen) > total // 2:
                raise PowerCutError

        return advance

    job.on_start = cut
    with pytest.raises(PowerCutError):
        job.execute()
    assert (job.folder / "resume.pt").is_file()
    assert not (job.folder / "result.json").exists()
    shutil.copy(job.folder / "resume.pt", tmp_path / "resume.pt")
    resumed = Run(resolve([*settings, f"out={tmp_path / 'cut'}"]))
    starts = []
    resumed.on_start = lambda total, done: starts.append((total, done)) or (lambda loss: None)
    again = resumed.execute()
    assert starts == [(12, 4)]
    assert row["test_graph"].startswith("Complete(")
    assert again["seconds"] > torch.load(tmp_path / "resume.pt", weights_only=True)["seconds"] > 0
    assert {key for key in row if row[key] != again[key]} <= {"seconds", "weights"}  # those hold `out`
    check_same_weights(whole, resumed)


def test_a_diverged_run_is_a_row_without_figures(tiny_settings):
    job, row = run(tiny_settings, "optimizer.lr=1e30", "optimizer.schedule=constant")
    assert row["status"] == "diverged"
    assert row["backbone_recall@1"] is None
    assert row["last_refined_nmi"] is None
    assert row["chosen_epoch"] is None
    assert "epoch" in (job.folder / "diverged.txt").read_text()


def test_weights_that_give_no_numbers_are_a_diverged_run_too(tiny_settings):
    """One batch per epoch: the loss is a number, and the step after it ruins the weights."""
    ruin = ["optimizer.lr=1e30", "optimizer.schedule=constant"]
    job, row = run(tiny_settings, "protocol.classes_per_batch=8", "protocol.images_per_class=5", *ruin)
    assert row["status"] == "diverged"
    assert (job.folder / "diverged.txt").is_file()


def test_settings_that_fail_late_leave_no_folder(tiny_settings):
    job = Run(resolve([*tiny_settings, "protocol.classes_per_batch=50"]))
    with pytest.raises(UserError, match="batches of 50 classes"):
        job.execute()
    assert not job.folder.exists()


def test_a_run_can_be_evaluated_from_another_folder(tiny_settings, tiny_archive, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_archive.parent)
    job, _ = run(tiny_settings, f"dataset.root={tiny_archive.name}", "graph=none", "protocol.epochs=0")
    monkeypatch.chdir(tmp_path)
    source, _, _ = build_source(read_checkpoint(job.folder).config)
    assert len(source.split("test")) == 25


def test_without_a_refiner(plain):
    job, row = plain
    assert row["refined_recall@1"] is None
    assert row["test_graph"] == row["layer"] == ""
    assert not any(name.startswith("refiner") for name in weights(job))


def test_untrained(tiny_settings):
    _, row = run(tiny_settings, "graph=none", "protocol.epochs=0")
    assert row["selected_on"] == ""
    assert row["chosen_epoch"] == 0
    assert 0 <= row["backbone_recall@1"] <= 1


def test_the_papers_protocol_says_that_it_selects_on_test(tiny_settings):
    job, row = run(["protocol=paper", *tiny_settings])
    assert row["selected_on"] == "test"
    epochs = pd.read_csv(job.folder / "metrics.csv")
    assert row["backbone_recall@1"] == pytest.approx(epochs["test_backbone_recall@1"].max())
    assert read_checkpoint(job.folder).num_classes == 12


def test_label_built_graphs_are_tested_on_the_complete_one(tiny_settings):
    _, row = run(tiny_settings, "graph=same_class", "protocol.epochs=1")
    assert row["uses_labels"]
    assert row["test_graph"].startswith("Complete(loop=False)")
    assert row["refined_recall@1"] is not None


def test_validation_classes_are_not_trained_on(usual):
    job, _ = usual
    assert read_checkpoint(job.folder).num_classes == 8


def test_other_data_under_the_same_name_are_another_run(tiny_settings, tiny_archive, tmp_path):
    copy = tmp_path / "copy.zip"
    shutil.copy(tiny_archive, copy)
    settings = [*tiny_settings, f"dataset.root={copy}"]
    before = Run(resolve(settings)).folder.name
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr("note.txt", "changed")
    assert Run(resolve(settings)).folder.name != before


def test_the_name_of_a_run_ignores_where_it_runs(tiny_settings):
    names = {Run(resolve([*tiny_settings, *more])).folder.name for more in ([], ["workers=2"], ["study_name=other"])}
    assert len(names) == 1
    assert Run(resolve([*tiny_settings, "optimizer.lr=0.1"])).folder.name not in names


@pytest.mark.parametrize(
    ("base", "idle", "counts"),
    [
        ([], ["refiner.mutual_k=5"], ["optimizer.refiner_rate=1.0", "drop_edge=0.3"]),
        (["refiner.edge_features=[mutual]"], [], ["refiner.mutual_k=5"]),
        (
            ["graph=none"],
            ["layer=gat", "refiner.num_layers=2", "optimizer.refiner_rate=1.0", "drop_edge=0.3"],
            ["optimizer.lr=0.1"],
        ),
        (["protocol.epochs=0"], ["drop_edge=0.3"], ["refiner.num_layers=2"]),
        (["graph=none", "protocol.epochs=0"], ["optimizer=radam", "loss.smoothing=0.2"], ["seed=1"]),
    ],
)
def test_the_name_of_a_run_ignores_settings_it_never_reads(tiny_settings, base, idle, counts):
    def name(*more):
        return Run(resolve([*tiny_settings, *base, *more])).folder.name

    assert {name(setting) for setting in idle} <= {name()}
    assert all(name(setting) != name() for setting in counts)


def test_a_missing_or_foreign_checkpoint_is_named(tmp_path):
    with pytest.raises(UserError, match="no checkpoint at"):
        read_checkpoint(tmp_path)
    (tmp_path / "other.pt").write_bytes(b"hello")
    with pytest.raises(UserError, match=r"other\.pt is not a checkpoint"):
        read_checkpoint(tmp_path / "other.pt")


def test_a_finished_run_is_not_trained_again_and_its_weights_are_held_against_the_row(usual, tiny_settings):
    usual_job, row = usual
    job = Run(resolve(tiny_settings))
    shutil.copytree(usual_job.folder, job.folder)
    again, reread = run(tiny_settings)
    assert again.reused
    assert again.folder == job.folder
    assert reread == row
    assert set(row["weights"]) == {"best.pt", "last.pt"}
    check_weights(job.folder)
    held = bytearray((job.folder / "best.pt").read_bytes())
    held[len(held) // 2] ^= 1
    (job.folder / "best.pt").write_bytes(held)
    with pytest.raises(UserError, match=r"best\.pt has changed"):
        check_weights(job.folder)


def test_an_empty_state_begins_anew_and_says_so(tiny_settings):
    sentences = []
    job = Run(resolve([*tiny_settings, "graph=none", "protocol.epochs=1"]), say=sentences.append)
    job.folder.mkdir(parents=True)
    (job.folder / "resume.pt").touch()
    assert job.execute()["status"] == "finished"
    assert len(sentences) == 1
    assert "begins anew" in sentences[0]
    assert not list(job.folder.glob("claim.*"))
