"""Search: what is nearest, by a slow answer; and what a person may get wrong."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gnn_dml.experiments.checkpoint import read_checkpoint

LINE = re.compile(r"^ +(\d+) +(-?\d\.\d{3})  (.+?)  (\S+)$")


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.webp", lossless=True)
    return tmp_path / "photo.webp"


def blocks(text):
    """The lines (rank, similarity, class, path) under the name of each image."""
    found, name = {}, ""
    for line in text.splitlines():
        if match := LINE.match(line):
            found[name].append(match.groups())
        elif line and not line.startswith("rank"):
            name = line
            found[name] = []
    return {name: lines for name, lines in found.items() if lines}


def vectors(program, run, folder, *arguments):
    program("embed", run, *arguments, "--device", "cpu", "--out", folder / "e.npz", "--force")
    with np.load(folder / "e.npz") as file:
        return file["embeddings"], file["paths"].tolist(), file["labels"].tolist()


def features_of(path, run):
    """The embedding of a file, step by step."""
    pixels = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)
    seen = torch.nn.functional.interpolate(pixels[None].float(), (64, 64), mode="bilinear", antialias=True)
    with torch.no_grad():
        out = read_checkpoint(run).learner().embedder((seen.round() / 255 - 0.5) / 0.5)
    return out.features[0]


def test_the_nearest_test_images_of_a_file_and_of_an_image_of_the_split(run, program, picture, tmp_path):
    x, paths, labels = vectors(program, run, tmp_path)
    own = paths[7]
    out = tmp_path / "found.png"
    text = program("search", run, picture, own, "--k", 3, "--out", out, "--device", "cpu")
    asked = {str(picture): (features_of(picture, run).numpy(), None), own: (x[7], 7)}
    found = blocks(text)
    assert len(found) == 2
    for (name, lines), (typed, (q, itself)) in zip(found.items(), asked.items(), strict=True):
        assert name.startswith(typed)
        expected = sorted((i for i in range(len(x)) if i != itself), key=lambda i: -float(q @ x[i]))[:3]
        assert [line[3] for line in lines] == [paths[i] for i in expected]
        assert [line[2].strip() for line in lines] == [labels[i] for i in expected]
        assert [int(line[0]) for line in lines] == [1, 2, 3]
        for line, i in zip(lines, expected, strict=True):
            assert float(line[1]) == pytest.approx(float(q @ x[i]), abs=2e-3)
    assert f"{own}, an image of the test classes: {labels[7]}" in text
    with Image.open(out) as drawn:
        assert drawn.size[0] > 400


def test_refined_the_image_is_refined_among_its_nearest(second_run, program, picture, tmp_path):
    x, _, _ = vectors(program, second_run, tmp_path)
    refined, paths, _ = vectors(program, second_run, tmp_path, "--refined")
    q = features_of(picture, second_run)
    near = sorted(range(len(x)), key=lambda i: -float(q @ torch.from_numpy(x[i])))[:4]
    with torch.no_grad():
        nodes = torch.cat([q[None], torch.from_numpy(x[near])])
        mine = read_checkpoint(second_run).learner().refiner(nodes).features[-1][0].numpy()
    expected = sorted(range(len(x)), key=lambda i: -float(mine @ refined[i]))[:5]
    text = program("search", second_run, picture, "--refined", "--k", 5, "--out", tmp_path / "f.png", "--device", "cpu")
    (lines,) = blocks(text).values()
    assert [line[3] for line in lines] == [paths[i] for i in expected]
    assert "refined in Complete" in text


def test_only_the_gallery_is_searched_and_a_file_of_the_split_is_known(run, program, trees, tmp_path):
    root = trees.write_folder(tmp_path / "mine", classes=6, images=3)
    rows = ["path,label,split"]
    for label in range(1, 7):
        for i in range(3):
            role = "train" if label <= 2 else "query" if i == 0 else "gallery"
            rows.append(f"class {label}/{i}.jpg,class {label},{role}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    settings = ["dataset=table", f"dataset.root={tmp_path / 'list.csv'}", f"dataset.images={root}"]
    asked = [root / "class 4" / "0.jpg", root / "class 4" / "1.jpg", root / "class 1" / "0.jpg"]
    text = program(
        "search", run, *asked, *settings, "--k", 99, "--out", tmp_path / "f.png", "--device", "cpu", "--refined"
    )
    tables = re.split(r"\n\n", text)[1:4]
    for table, path, known in zip(tables, asked, (True, True, False), strict=True):
        head, _, *lines = table.splitlines()
        assert head == (f"{path}, an image of the test classes: class 4" if known else str(path))
        found = {line.split("  ")[-1] for line in lines}
        everything = {f"class {label}/{i}.jpg" for label in range(3, 7) for i in (1, 2)}
        # The second image is of the gallery and does not find itself; all are cut to what every image can find.
        assert found <= everything - ({"class 4/1.jpg"} if path == asked[1] else set())
        assert len(found) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a run and an image, for instance: gnn-dml search"),
        (["{run}"], "name a run and an image"),
        (["{run}", "{tmp}/photo.webp", "--out", "{tmp}/found.jpg"], "found.jpg must be a .png file"),
        (["{run}", "nothing.jpg"], "nothing.jpg is no image file, and no image of the split has that name"),
        (["{run}", "{tmp}/text.jpg"], "text.jpg: it is in no image format that is known here"),
        (["{plain}", "{tmp}/photo.webp", "--refined"], "--refined needs a refiner"),
        (["nowhere", "{tmp}/photo.webp"], "there is no run or checkpoint nowhere"),
    ],
)
def test_mistakes_end_in_one_sentence(run, plain_run, program, picture, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.jpg").write_text("no image")
    filled = [text.format(run=run, plain=plain_run, tmp=tmp_path) for text in arguments]
    assert message in program("search", *filled, code=2)
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["photo.webp", "text.jpg"]
