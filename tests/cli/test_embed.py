"""Embeddings in a file: which images, which vectors, and an existing file that stays what it was."""

import numpy as np
import pandas as pd
import pytest
import torch

from gnn_dml.data import emoji_archive
from gnn_dml.data.transforms import DrawingTransforms
from gnn_dml.experiments.checkpoint import read_checkpoint


def test_every_image_of_the_split_with_its_class_and_its_vector(run, noisy_archive, program, tmp_path):
    out = tmp_path / "new" / "e.parquet"
    said = program("embed", run, "--device", "cpu", "--split", "val", "--out", out)
    assert f"written: {out} (20 val images, 16 channels)" in said
    frame = pd.read_parquet(out)
    split = emoji_archive(noisy_archive).split("val")
    assert frame.columns.tolist() == ["path", "label", "vector"]
    assert frame["path"].tolist() == list(split.image_names)
    assert frame["label"].tolist() == [split.class_names[label] for label in split.labels]
    transforms = DrawingTransforms()
    learner = read_checkpoint(run).learner()
    with torch.no_grad():
        for image, vector in zip(split.images, frame["vector"], strict=True):
            alone = learner.embedder(transforms.finish(transforms.evaluate(image)[None])).features[0]
            np.testing.assert_allclose(vector, alone.numpy(), atol=1e-5)


def test_every_image_once_where_all_are_asked_for(run, noisy_archive, program, tmp_path):
    frames = {}
    for split in ("all", "val", "val,test"):
        program("embed", run, "--device", "cpu", "--split", split, "--out", tmp_path / "e.parquet", "--force")
        frames[split] = pd.read_parquet(tmp_path / "e.parquet").set_index("path")
    data = emoji_archive(noisy_archive)
    names = [name for split in ("train", "val", "test") for name in data.split(split).image_names]
    assert sorted(frames["all"].index) == sorted(set(names))
    assert sorted(frames["val,test"].index) == sorted([*data.split("val").image_names, *data.split("test").image_names])
    for path, vector in frames["val"]["vector"].items():
        np.testing.assert_allclose(frames["all"]["vector"][path], vector, atol=1e-6)


def test_the_last_epoch_instead_of_the_chosen_one(run, program, tmp_path):
    vectors = {}
    for name, arguments in {"last": [run, "--last"], "file": [run / "last.pt"], "best": [run / "best.pt"]}.items():
        program("embed", *arguments, "--device", "cpu", "--out", tmp_path / f"{name}.npz")
        with np.load(tmp_path / f"{name}.npz") as file:
            vectors[name] = file["embeddings"]
    np.testing.assert_array_equal(vectors["last"], vectors["file"])
    chosen = read_checkpoint(run / "best.pt").epoch
    assert (np.abs(vectors["last"] - vectors["best"]).max() > 0) == (chosen != 2)


def test_an_ensemble_in_a_file_gives_the_numbers_of_the_ensemble(run, second_run, program, tmp_path):
    out = tmp_path / "e.parquet"
    program("embed", run, second_run, "--refined", "--device", "cpu", "--out", out)
    assert len(pd.read_parquet(out)["vector"][0]) == 24
    table = program("evaluate", "--embeddings", out).splitlines()
    whole = program("evaluate", run, second_run, "--device", "cpu").splitlines()
    for name in ("recall@1", "map@r", "nmi", "uniformity"):
        (mine,) = (line.split() for line in table if line.startswith(name))
        first = next(line.split() for line in whole if line.startswith(name))
        assert mine[1] == first[2], name


def test_an_existing_file_stays_unless_it_is_forced_away(run, program, tmp_path):
    out = tmp_path / "e.npz"
    out.write_text("mine")
    said = program("embed", run, "--device", "cpu", "--out", out, code=2)
    assert f"--out {out} exists already; add --force to replace it" in said
    assert out.read_text() == "mine"
    program("embed", run, "--device", "cpu", "--out", out, "--force")
    assert np.load(out)["embeddings"].shape == (25, 16)
    assert [path.name for path in tmp_path.iterdir()] == ["e.npz"]


def test_weights_that_give_no_numbers_any_more_write_nothing(second_run, program, tmp_path, noisy_archive):
    held = torch.load(second_run / "best.pt", weights_only=True)
    held["weights"]["embedder.projection.bias"][0] = torch.nan
    torch.save(held, tmp_path / "diverged.pt")
    root = f"dataset.root={noisy_archive}"
    for command in (["evaluate"], ["embed", "--out", tmp_path / "e.npz"]):
        said = program(*command, tmp_path / "diverged.pt", root, "--device", "cpu", code=2)
        assert "the backbone embeddings of 25 of 25 images hold NaN or infinity; the first is image 0" in said
    assert [path.name for path in tmp_path.iterdir()] == ["diverged.pt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "--out", "{tmp}/e.csv"], "e.csv must be a .parquet or .npz file"),
        (["{run}", "--out", "{tmp}/folder.npz"], "folder.npz is a folder; name a file in it"),
        (["{run}", "--out", "{tmp}/file/e.npz"], "file is no folder that you can write to"),
        (["--out", "{tmp}/e.npz"], "which run? write for instance"),
        (["{plain}", "--out", "{tmp}/e.npz", "--refined"], "--refined needs a refiner"),
        (["{plain}", "--out", "{tmp}/e.npz", "graph=knn"], "graph=knn changes nothing: the run has no refiner"),
        (["{tmp}/file", "--out", "{tmp}/e.npz"], "file is no file of weights"),
        (["{run}", "--out", "{tmp}/e.npz", "dataset.root=nowhere.zip"], "dataset.root=nowhere.zip does not exist"),
    ],
)
def test_mistakes_end_in_one_sentence(run, plain_run, program, tmp_path, arguments, message):
    (tmp_path / "file").touch()
    (tmp_path / "folder.npz").mkdir()
    filled = [text.format(run=run, plain=plain_run, tmp=tmp_path) for text in arguments]
    assert message in program("embed", *filled, code=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.npz"]
