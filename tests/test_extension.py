"""docs/extend.md as somebody who has read nothing else would follow it: every example, in real processes."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
SMALL = [
    *("backbone.width=4", "backbone.dim=16", "protocol.epochs=1", "protocol.neighbours=4", "device=cpu"),
    *("protocol.classes_per_batch=4", "protocol.images_per_class=4", "pictures=false"),
]


def blocks(kind):
    """The code blocks of a kind, in their order."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The folder of the page, as it says."""
    top = tmp_path_factory.mktemp("work")
    folder = top / "own"
    texts = blocks("yaml")
    for name, text in zip(("graph/farthest", "loss/proxies", "dataset/squares", "study/mine"), texts, strict=True):
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (folder / "own_parts.py").write_text("\n\n".join(blocks("python")))
    (folder / "squares.txt").write_text("7\n")
    return folder


@pytest.fixture(scope="module")
def gnn_dml(own, processes):
    """The program in a process of its own, started beside the folder: both of its outputs."""

    def call(*arguments, code=0):
        done = processes.run("-m", "gnn_dml.cli.main", *arguments, cwd=own.parent)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return call


TRAIN = ["dataset=squares", "dataset.root=own/squares.txt", "graph=farthest", "graph.k=3", "loss=proxies"]


@pytest.fixture(scope="module")
def trained(own, gnn_dml):
    """The first command of the page, with small settings."""
    said = gnn_dml("train", "--config-dir", "own", *TRAIN, *SMALL)
    (folder,) = (own.parent / "runs" / "single").glob("small_cnn-*")
    return folder, said


def test_the_first_command_of_the_page_is_the_one_tried_here():
    assert f"gnn-dml train --config-dir own {' '.join(TRAIN)}" in PAGE


def test_a_topology_a_loss_and_a_data_set_are_trained_and_named(trained):
    folder, said = trained
    assert "Written" in said
    row = json.loads((folder / "result.json").read_text())
    assert (row["status"], row["graph"], row["dataset"]) == ("finished", "farthest", "squares")
    assert row["topology"] == "Farthest(k=3, loop=True)"
    assert row["loss"].startswith("proxies (")
    assert "proxies on backbone: ProxyAnchorLoss" in row["loss"]
    assert folder.name.startswith("small_cnn-farthest-dot_product-proxies-s0-")
    assert "loss_proxies" in (folder / "metrics.csv").read_text().splitlines()[0].split(",")


def test_it_is_reused_and_measured_again_with_its_folder_and_refused_without(gnn_dml, trained):
    folder, _ = trained
    assert "nothing was trained" in gnn_dml("train", "--config-dir", "own", *TRAIN, *SMALL)
    measured = json.loads(gnn_dml("evaluate", folder, "--config-dir", "own", "--json").splitlines()[0])
    row = json.loads((folder / "result.json").read_text())
    assert measured["backbone_recall@1"] == row["backbone_recall@1"]
    assert measured["refined_map@r"] == row["refined_map@r"]
    assert "own_parts" in gnn_dml("evaluate", folder, code=2)


def test_its_images_are_embedded_and_searched(own, gnn_dml, trained):
    folder, _ = trained
    gnn_dml("embed", folder, "--config-dir", "own", "--out", "squares.npz")
    assert "own_parts" in gnn_dml("embed", folder, "--out", "refused.npz", code=2)
    said = gnn_dml("search", folder, "40.png", "--config-dir", "own", "--k", 2, "--out", "squares.png")
    assert "an image of the test classes: colour 8" in said
    assert "own_parts" in gnn_dml("search", folder, "40.png", "--out", "refused.png", code=2)
    assert {"squares.npz", "squares.png"} <= {path.name for path in own.parent.iterdir()}
    assert not list(own.parent.glob("refused.*"))


def test_its_data_set_is_listed_and_verified(gnn_dml):
    listed = gnn_dml("data", "list", "--config-dir", "own")
    assert re.search(r"^squares .*no card: dataset\.root=FOLDER$", listed, re.MULTILINE)
    assert "cub" in listed
    assert "squares" in gnn_dml("data", "list", "squares", "--config-dir", "own")
    command = ["data", "verify", "squares", "--config-dir", "own"]
    said = gnn_dml(*command, "--root", "own/squares.txt")
    assert "own/squares.txt: whole; 60 images (40 train, 20 test), 12 classes" in said
    assert "data verify squares needs --root FOLDER" in gnn_dml(*command, code=2)
    assert "there is nothing to prepare" in gnn_dml("data", "prepare", *command[2:], code=2)
    assert "there is no data set 'squares'; there are " in gnn_dml("data", "verify", "squares", code=2)
    assert "Did you mean squares?" in gnn_dml("data", "list", "square", "--config-dir", "own", code=2)
    assert "there is none" in gnn_dml("data", "list", "--config-dir", "nowhere", code=2)


def test_the_study_of_the_page_and_edited_code_is_to_be_trained_again(own, gnn_dml):
    """`--dry-run` asks which runs are done as training does, and trains nothing."""
    command = ["ablate", "mine", "--config-dir", "own", "--seeds", "0", *SMALL, "dataset.root=own/squares.txt"]
    said = gnn_dml(*command)
    assert "2 runs" in said
    frame = pd.read_csv(own.parent / "runs" / "mine" / "results.csv")
    assert dict(zip(frame["cell"], frame["graph"], strict=True)) == {"near": "knn", "far": "farthest"}
    assert "2 done, 0 to run" in gnn_dml(*command, "--dry-run")
    parts = own / "own_parts.py"
    before = parts.read_text()
    parts.write_text(before.replace("(-cosine_similarity(x))", "(-2 * cosine_similarity(x))"))
    try:
        assert "0 done, 2 to run" in gnn_dml(*command, "--dry-run")
    finally:
        parts.write_text(before)
