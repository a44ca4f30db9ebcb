"""A run on other images: seen as in its training, with only the split there that is used; what a search looks in."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from gnn_dml.evaluation.embedding_files import read_embeddings


def draw(folder, classes, images=4, size=(40, 30)):
    rng = np.random.default_rng(len(classes))
    for label in classes:
        (folder / label).mkdir(parents=True)
        tint = rng.uniform(0, 255, 3)
        for i in range(images):
            pixels = (tint + rng.normal(0, 40, (*size, 3))).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    top = tmp_path_factory.mktemp("photos")
    draw(top / "train", "abc")
    draw(top / "test", "xyz")
    return top


def figures(program, run, root, *more):
    return json.loads(
        program("evaluate", run, "dataset=folder", f"dataset.root={root}", "--json", "--device", "cpu", *more)
    )


def test_photographs_are_seen_as_the_drawings_of_the_training_and_it_is_said(run, program, photos):
    found = figures(program, run, photos)
    assert (found["image_size"], found["normalize"]) == (64, "half")
    assert found["remarks"] == [
        "images are seen as in training, at 64 px, normalize=half; the data set's own settings are 227 px, "
        "normalize=imagenet"
    ]
    typed = figures(program, run, photos, "dataset.transform.size=64", "dataset.transform.normalize=imagenet")
    assert typed["remarks"] == [
        "images are seen at 64 px, normalize=imagenet, and the run was trained at 64 px, normalize=half"
    ]
    said = program("evaluate", run, "dataset=folder", f"dataset.root={photos}", "--device", "cpu")
    assert "images are seen as in training, at 64 px" in said
    assert "as in training" not in program("evaluate", run, "--device", "cpu")


def test_only_the_split_that_is_used_has_to_be_there(run, program, photos, tmp_path):
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "test").symlink_to(photos / "test")
    whole, alone = (figures(program, run, root) for root in (photos, tmp_path / "only"))
    assert alone == whole
    for side in ("query", "gallery"):
        shutil.copytree(photos / "test", tmp_path / "sides" / side)
    assert figures(program, run, tmp_path / "sides")["images"] == 24
    (tmp_path / "learn").mkdir()
    (tmp_path / "learn" / "train").symlink_to(photos / "train")
    learn = figures(program, run, tmp_path / "learn", "--split", "train", "protocol.val_share=0.3")
    assert learn["images"] == 8
    said = program("evaluate", run, "dataset=folder", f"dataset.root={tmp_path / 'learn'}", code=2)
    assert str(tmp_path / "learn") in said


def test_images_without_labels_are_embedded_and_searched(run, program, photos, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for i, path in enumerate(sorted(photos.glob("t*/*/*.png"))[:5]):
        (bare / f"{i}.png").write_bytes(path.read_bytes())
    settings = ["dataset=folder", f"dataset.root={bare}", "--device", "cpu"]
    program("embed", run, *settings, "--out", tmp_path / "bare.npz")
    assert read_embeddings(tmp_path / "bare.npz", labelled=False).labels == ("",) * 5
    found = program("search", run, bare / "0.png", *settings, "--embeddings", tmp_path / "bare.npz", "--k", 3)
    assert found.count(".png") >= 4
    said = program("search", run, bare / "0.png", *settings, "--k", 2, "--out", tmp_path / "s.png")
    assert said.count(".png") >= 3


def test_every_split_is_searched_where_it_is_asked_for(run, program, photos, tmp_path):
    picture = photos / "train" / "a" / "0.png"
    where = ["dataset=folder", f"dataset.root={photos}", "--device", "cpu", "--k", 30, "--out", tmp_path / "s.png"]

    def found(split):
        lines = program("search", run, picture, *where, "--split", split).splitlines()
        return {line.split()[-1].split("/")[0] for line in lines if line.endswith(".png") and line.startswith("   ")}

    assert found("test") == {"test"}
    assert found("all") == found("test,train") == {"train", "test"}
    with pytest.raises(SystemExit):
        program("search", run, picture, *where, "--split", "tset")


def test_a_file_of_embeddings_is_searched_as_its_split_is(run, program, photos, tmp_path):
    where = ["dataset=folder", f"dataset.root={photos}", "--device", "cpu"]
    program("embed", run, *where, "--out", tmp_path / "e.npz")
    picture = photos / "train" / "a" / "0.png"
    asked = [picture, "test/x/1.png", *where, "--k", 3, "--out", tmp_path / "s.png"]
    split, file = program("search", run, *asked), program("search", run, *asked, "--embeddings", tmp_path / "e.npz")
    assert [line for line in file.splitlines() if line.startswith("   ")] == [
        line for line in split.splitlines() if line.startswith("   ")
    ]
    assert "nothing is drawn" in file
    program("embed", run, *where, "--refined", "--out", tmp_path / "refined.npz")
    for more, said in (
        (["--embeddings", tmp_path / "refined.npz"], "holds refined embeddings"),
        (["--embeddings", tmp_path / "e.npz", "--refined"], "--refined goes with a split"),
        (["--embeddings", tmp_path / "none.npz"], "there is no such file"),
    ):
        assert said in program("search", run, *asked, *more, code=2)
    np.savez(tmp_path / "zero.npz", embeddings=np.zeros((3, 8)), labels=["a", "b", "c"])
    zero = [picture, *where, "--embeddings", tmp_path / "zero.npz"]
    assert "all 3 embeddings are zero" in program("search", run, *zero, code=2)
    np.savez(tmp_path / "other.npz", embeddings=torch.eye(3).numpy(), labels=["a", "b", "c"])
    other = [picture, *where, "--embeddings", tmp_path / "other.npz"]
    assert "holds embeddings of 3 channels" in program("search", run, *other, code=2)
