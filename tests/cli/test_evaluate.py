"""Runs, ensembles and embeddings from elsewhere, measured again and held against slow answers."""

import csv
import io
import json
import re
import shutil
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest
import torch

from gnn_dml.cli.main import main
from gnn_dml.experiments.checkpoint import read_checkpoint
from gnn_dml.metrics import retrieval


def shown(program, *arguments):
    """What the program says as JSON."""
    return json.loads(program("evaluate", *arguments, "--json", "--device", "cpu"))


def arrays(program, folder, *arguments):
    """Embeddings and labels as `gnn-dml embed` writes them."""
    program("embed", *arguments, "--device", "cpu", "--out", folder / "e.npz", "--force")
    with np.load(folder / "e.npz") as file:
        return file["embeddings"], file["labels"]


def recall(x, labels, k=1):
    """Recall@K, one image after the other."""
    hits = 0
    for i in range(len(x)):
        others = sorted((j for j in range(len(x)) if j != i), key=lambda j: -float(x[i] @ x[j]))
        hits += any(labels[j] == labels[i] for j in others[:k])
    return hits / len(x)


@pytest.fixture(scope="module")
def measured(run):
    """What the program says of the run as JSON; measured once, for nothing here changes the run."""
    with redirect_stdout(io.StringIO()) as said:
        assert main(["evaluate", str(run), "--json", "--device", "cpu"]) == 0
    return json.loads(said.getvalue())


def test_a_run_gives_its_own_row_again(run, measured):
    row, found = json.loads((run / "result.json").read_text()), measured
    names = [name for name in row if re.match("(backbone|refined)_", name)]
    assert len(names) == 16
    assert all(0 < row[name] < 1 for name in names if "recall@1" in name or "map" in name)
    for name in names:
        assert found[name] == pytest.approx(row[name]), name
    assert (found["epoch"], found["split"], found["unmatched"]) == (row["chosen_epoch"], "test", 0)
    for name in ("alignment", "uniformity", "spectral_decay", "intra_inter_ratio"):
        assert np.isfinite(found[f"backbone_{name}"])
        assert found[f"backbone_{name}"] != found[f"refined_{name}"]


def test_the_table_has_both_embeddings_their_difference_and_the_diagnostics(run, measured, program):
    found, text = measured, program("evaluate", run, "--device", "cpu")
    lines = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    backbone, refined = found["backbone_recall@1"], found["refined_recall@1"]
    assert lines["recall@1"] == [f"{100 * backbone:.1f}", f"{100 * refined:.1f}", f"{100 * (refined - backbone):+.1f}"]
    assert lines["alignment"][0] == f"{found['backbone_alignment']:.3f}"
    assert "test classes: 25 images of 5 classes" in text
    assert f"refined in {json.loads((run / 'result.json').read_text())['test_graph']}" in text
    assert "spectral decay" in text
    assert "no image of their class" not in text


def test_the_refined_embedding_can_be_left_out_or_demanded(run, plain_run, program):
    found, whole = shown(program, run, "--no-refined"), shown(program, run, "--refined")
    assert found["refined_recall@1"] is None
    assert whole["refined_recall@1"] is not None
    assert found["backbone_map@r"] == whole["backbone_map@r"]
    text = program("evaluate", plain_run, "--device", "cpu")
    assert "difference" not in text
    assert f"--refined needs a refiner, and {plain_run} has none" in program("evaluate", plain_run, "--refined", code=2)


def test_what_neighbours_give_without_training(run, second_run, program, tmp_path):
    """The same figures in the table, in JSON, in the CSV and in the run's own row."""
    row = json.loads((run / "result.json").read_text())
    found = shown(program, run, "--training-free")
    assert found["expanded_recall@1"] == pytest.approx(row["expanded_recall@1"])
    assert found["expanded_map@r"] == pytest.approx(row["expanded_map@r"])
    assert found["plain_map@r"] == pytest.approx(row["backbone_map@r"])
    text = program("evaluate", run, "--training-free", "--device", "cpu", "--csv", tmp_path / "all.csv")
    lines = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    for name in ("average_qe", "alpha_qe", "alpha_qe_dba", "k_reciprocal", "diffusion", "expanded"):
        assert lines[name][0] == f"{100 * found[f'{name}_recall@1']:.1f}"
    assert f"expanded: {row['expansion']}, as the run chose" in text
    with (tmp_path / "all.csv").open() as file:
        held = {line["embedding"]: line for line in csv.DictReader(file)}
    assert float(held["k_reciprocal"]["map@r"]) == pytest.approx(found["k_reciprocal_map@r"])
    both = program("evaluate", run, second_run, "--training-free", "--device", "cpu")
    assert "expanded: by default settings" in both


def test_an_ensemble_is_measured_on_the_members_side_by_side(run, second_run, program, tmp_path):
    found = shown(program, run, second_run, "--ks", "1,3")
    for branch, option in (("backbone", ()), ("refined", ("--refined",))):
        members = [arrays(program, tmp_path, one, *option) for one in (run, second_run)]
        x = np.concatenate([x / np.linalg.norm(x, axis=1, keepdims=True) for x, _ in members], axis=1)
        for k in (1, 3):
            assert found[f"{branch}_recall@{k}"] == pytest.approx(recall(x, members[0][1], k))
        for told, (x, labels) in zip(found["members"], members, strict=True):
            assert told[f"{branch}_recall@1"] == pytest.approx(recall(x, labels))
    assert [told["run"] for told in found["members"]] == [str(run), str(second_run)]
    assert found["members"][1]["backbone_map@r"] == shown(program, second_run)["backbone_map@r"]


def test_an_ensemble_prints_its_members_and_is_refined_where_all_are(run, plain_run, program):
    text = program("evaluate", run, plain_run, "--device", "cpu")
    whole, members = text.split("the members alone")
    assert "difference" not in whole
    assert str(plain_run) in whole
    lines = [line.split() for line in members.splitlines() if line.endswith(("-s3-" + run.name[-10:], plain_run.name))]
    assert [line[-1] for line in lines] == [str(run), str(plain_run)]
    assert lines[1][1] == "-"  # Recall@1 of its refined embedding
    assert lines[0][1] != "-"


def test_members_on_other_images_are_refused(run, second_run, program, tmp_path):
    settings = ["--split", "val", "--device", "cpu"]
    assert "val classes: 25 images" in program("evaluate", run, second_run, *settings, "protocol.folds=2")
    row = read_checkpoint(run / "best.pt")
    other = {**row.config, "protocol": {**row.config["protocol"], "folds": 2}}
    type(row)(other, row.epoch, row.num_classes, row.weights).write(tmp_path / "other.pt")
    shutil.copy(run / "config.yaml", tmp_path)
    said = program("evaluate", run, tmp_path / "other.pt", *settings, code=2)
    assert f"between {run} and {tmp_path / 'other.pt'} the numbers of images differ: 20 and 25" in said


def test_another_graph_at_test_time_changes_the_refined_embedding_alone(run, measured, program, tmp_path):
    before, after = measured, shown(program, run, "graph=isolated")
    assert after["backbone_map@r"] == before["backbone_map@r"]
    assert after["refined_map@r"] != before["refined_map@r"]
    x, labels = arrays(program, tmp_path, run)
    refiner = read_checkpoint(run).learner().refiner
    nobody = torch.zeros(1, 1, dtype=torch.bool)
    with torch.no_grad():  # without messages each image is refined by itself
        alone = torch.cat([refiner(one[None], nobody).features[-1] for one in torch.from_numpy(x)])
    assert after["refined_recall@1"] == pytest.approx(recall(alone.numpy(), labels))
    refined, _ = arrays(program, tmp_path, run, "--refined", "graph=isolated")
    np.testing.assert_allclose(refined, alone.numpy(), atol=1e-5)


def test_other_neighbourhoods_change_the_refined_embedding(second_run, program, tmp_path):
    x, _ = arrays(program, tmp_path, second_run)
    found, _ = arrays(program, tmp_path, second_run, "--refined", "protocol.neighbours=2")
    refiner = read_checkpoint(second_run).learner().refiner
    for i in range(len(x)):
        near = sorted((j for j in range(len(x)) if j != i), key=lambda j: -float(x[i] @ x[j]))[:2]
        with torch.no_grad():
            expected = refiner(torch.from_numpy(x[[i, *near]]), ~torch.eye(3, dtype=torch.bool)).features[-1][0]
        np.testing.assert_allclose(found[i], expected.numpy(), atol=1e-5)
    mutual, _ = arrays(program, tmp_path, second_run, "--refined", "protocol.neighbourhood=reciprocal")
    assert np.abs(mutual - found).max() > 1e-4


def test_other_images_than_the_runs(run, program, trees, tmp_path):
    root = trees.write_folder(tmp_path / "mine", classes=6, images=3)
    settings = [run, "--dataset", "folder", f"dataset.root={root}"]
    x, labels = arrays(program, tmp_path, *settings)
    assert x.shape == (9, 16)
    assert labels.tolist() == [f"class {i}" for i in (4, 5, 6) for _ in range(3)]
    found = shown(program, *settings, "--split", "test")
    assert found["backbone_recall@1"] == pytest.approx(recall(x, labels))
    assert shown(program, run, f"dataset.root={root}", "dataset=folder") == found


def test_queries_that_have_nothing_to_find_are_counted(run, program, tmp_path, trees):
    root = trees.write_folder(tmp_path / "mine", classes=6, images=3)
    with (tmp_path / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split"])
        for label in range(1, 7):
            for i in range(3):
                role = "train" if label <= 2 else "query" if i == 0 or label == 6 else "gallery"
                writer.writerow([f"class {label}/{i}.jpg", f"class {label}", role])
    settings = [run, "dataset=table", f"dataset.root={tmp_path / 'list.csv'}", f"dataset.images={root}"]
    assert shown(program, *settings)["unmatched"] == 3
    text = program("evaluate", *settings, "--device", "cpu")
    assert "3 of 6 queries have no image of their class to find; retrieval is over the other 3" in text
    frame = pd.read_parquet(embedded(program, tmp_path, *settings))
    assert frame["role"].tolist() == ["query", "gallery", "gallery"] * 3 + ["query"] * 3


def embedded(program, folder, *arguments):
    program("embed", *arguments, "--device", "cpu", "--out", folder / "e.parquet", "--force")
    return folder / "e.parquet"


def test_the_csv_has_a_row_per_embedding_and_is_written_anew(run, second_run, program, tmp_path):
    path = tmp_path / "new" / "figures.csv"
    for _ in range(2):
        found = shown(program, run, second_run, "--csv", path)
        rows = pd.read_csv(path)
        assert rows["embedding"].tolist() == ["backbone", "refined"] * 3
        assert rows["model"].tolist() == ["ensemble of 2"] * 2 + [str(run)] * 2 + [str(second_run)] * 2
    assert rows["recall@1"][1] == pytest.approx(found["refined_recall@1"])
    assert rows["recall@1"][2] == pytest.approx(found["members"][0]["backbone_recall@1"])
    assert rows["alignment"][0] == pytest.approx(found["backbone_alignment"])
    assert rows["channels"].tolist() == [24, 24, 16, 16, 8, 8]
    assert rows["images"].tolist() == [25] * 6
    shown(program, run, "--csv", path)
    assert len(pd.read_csv(path)) == 2


X = np.array([[3.0, 0.0], [1.0, 0.1], [0.0, 0.2], [0.2, 1.0], [2.9, 0.5]], dtype=np.float32)
LABELS = ["a", "b", "b", "c", "a"]


@pytest.fixture
def mine(tmp_path):
    np.save(tmp_path / "mine.npy", X)
    (tmp_path / "mine.txt").write_text("\n".join(LABELS))
    return ["--embeddings", tmp_path / "mine.npy", "--labels", tmp_path / "mine.txt"]


def elsewhere(program, *arguments):
    return json.loads(program("evaluate", *arguments, "--json"))


def test_embeddings_from_elsewhere(mine, program, tmp_path):
    found = elsewhere(program, *mine, "--ks", "1,2", "--csv", tmp_path / "figures.csv")
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    answered = [0, 1, 2, 4]  # the class c has one image
    right = 0
    for i in answered:
        best = max((j for j in range(5) if j != i), key=lambda j: unit[i] @ unit[j])
        right += LABELS[best] == LABELS[i]
    assert found["recall@1"] == right / 4
    assert (found["unmatched"], found["images"]) == (1, 5)
    assert set(found) >= {"recall@2", "map@r", "r_precision", "nmi", "ami", "alignment", "spectral_decay"}
    assert pd.read_csv(tmp_path / "figures.csv")["recall@1"].tolist() == [right / 4]
    text = program("evaluate", *mine)
    assert "5 images of 3 classes, 2 channels" in text
    assert "1 of 5 queries have no image of their class to find; retrieval is over the other 4" in text


def test_euclidean_distance_is_another_ranking(mine, program):
    distance = np.linalg.norm(X[:, None] - X[None], axis=2)
    right = 0
    for i in (0, 1, 2, 4):
        best = min((j for j in range(5) if j != i), key=lambda j: distance[i, j])
        right += LABELS[best] == LABELS[i]
    found = elsewhere(program, *mine, "--metric", "euclidean")
    assert found["recall@1"] == right / 4
    assert found["recall@1"] != elsewhere(program, *mine)["recall@1"]


def test_k_means_takes_embeddings_as_they_are(program, tmp_path):
    """Two classes in one direction, which their lengths alone tell apart."""
    x = [[3, 4.1], [3.3, 4.4], [12, 16.4], [12.3, 16.4]]
    np.savez(tmp_path / "e.npz", embeddings=x, labels=list("aabb"))
    found = [
        elsewhere(program, "--embeddings", tmp_path / "e.npz", *option)["nmi"]
        for option in ([], ["--no-kmeans-normalize"])
    ]
    assert found[0] < 0.5
    assert found[1] == pytest.approx(1)


@pytest.mark.parametrize(("out", "option"), [("e.parquet", []), ("e.npz", ["--refined"])])
def test_a_file_of_embeddings_gives_the_numbers_of_the_run(run, measured, program, tmp_path, out, option):
    program("embed", run, *option, "--device", "cpu", "--out", tmp_path / out)
    found, expected = elsewhere(program, "--embeddings", tmp_path / out), measured
    branch = "refined" if option else "backbone"
    names = [name.removeprefix(f"{branch}_") for name in expected if name.startswith(f"{branch}_")]
    assert {name: found[name] for name in names} == {name: expected[f"{branch}_{name}"] for name in names}


def test_more_metrics_are_named_and_printed(mine, program, tmp_path):
    shown_here = program("evaluate", *mine, "--metrics", "mrr,map@3/found", "--csv", tmp_path / "a.csv")
    assert "mrr" in shown_here
    row = pd.read_csv(tmp_path / "a.csv").iloc[0]
    expected = retrieval(X, LABELS, more=["mrr", "map@3/found"])
    assert row["mrr"] == pytest.approx(expected["mrr"])
    assert row["map@3/found"] == pytest.approx(expected["map@3/found"])
    assert "unknown metric 'mmr'; there are mrr, precision@K" in program("evaluate", *mine, "--metrics", "mmr", code=2)


@pytest.mark.filterwarnings("ignore:the embeddings point")
def test_a_collapsed_space_is_said(program, tmp_path):
    collapsed = 1 + 1e-4 * np.random.default_rng(0).standard_normal((20, 4))
    np.savez(tmp_path / "e.npz", embeddings=collapsed, labels=np.arange(20) % 4)
    assert "has collapsed" in program("evaluate", "--embeddings", tmp_path / "e.npz")


def test_a_space_of_zeros_has_no_figures_and_says_so(program, tmp_path):
    """Whatever is ranked first among equal ones is so by its place in the file."""
    path = tmp_path / "e.npz"
    np.savez(path, embeddings=np.zeros((5, 3)), labels=[0, 0, 0, 1, 1])
    found = elsewhere(program, "--embeddings", path)
    figures = set(found) - {"embeddings", "images", "unmatched", "remarks"}
    assert {found[name] for name in figures} == {None}
    assert {"recall@1", "nmi", "uniformity"} <= figures
    assert found["remarks"] == [
        "all 5 embeddings are zero, so none is nearer to another than the rest: there are no figures"
    ]
    assert "all 5 embeddings are zero" in program("evaluate", "--embeddings", path)
    np.savez(path, embeddings=np.eye(5)[[0, 0, 1, 1, 1]] * [[0], [1], [1], [1], [1]], labels=[0, 0, 1, 1, 1])
    assert "1 of 5 embeddings are all zero" in program("evaluate", "--embeddings", path)
    assert elsewhere(program, "--embeddings", path)["recall@1"] is not None


def test_without_any_answer_there_is_no_number(program, tmp_path):
    np.savez(tmp_path / "e.npz", embeddings=X, labels=range(5))
    found = elsewhere(program, "--embeddings", tmp_path / "e.npz")
    assert (found["recall@1"], found["map@r"], found["alignment"], found["unmatched"]) == (None, None, None, 5)
    assert "nan" not in program("evaluate", "--embeddings", tmp_path / "e.npz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which run? write for instance"),
        (["nowhere"], "there is no run or checkpoint nowhere"),
        (["{run}", "nowhere"], "there is no run or checkpoint nowhere"),
        (["{run}/best.pt", "--last"], "--last goes with a run folder"),
        (["{run}", "graph=same_class"], "is built from labels, and test images have none"),
        (["{run}", "graph=knnn"], "graph=knnn is unknown"),
        (["{run}", "layer=gat"], "layer of a trained run is fixed"),
        (["{run}", "--refiner", "nowhere.pth"], "--refiner nowhere.pth: there is no such file"),
        (["{run}", "--refiner", "{run}/best.pt"], "0 of 1 named files are such weights, and it was given 1 times"),
        (["{run}", "--device", "gpu"], "device must be one of auto, cpu, cuda, mps, not 'gpu'"),
        (["{run}", "--csv", "{tmp}"], "must be a .csv file"),
        (["{run}", "--csv", "{tmp}/mine.npy/a.csv"], "is no folder that you can write to"),
        (["{run}", "--dataset", "folder"], "dataset=folder needs dataset.root=FOLDER"),
        (["{run}", "--labels", "{tmp}/mine.txt"], "--labels goes with --embeddings"),
        (["--embeddings", "{tmp}/no.npy", "--labels", "{tmp}/mine.txt"], "no.npy: there is no such file"),
        (["--embeddings", "{tmp}/mine.npy"], "mine.npy has no labels; add --labels FILE"),
        (["--embeddings", "{tmp}/mine.txt"], "must be a file with the suffix .npy, .npz, .parquet"),
        (["--embeddings", "{tmp}/mine.npy", "--labels", "{tmp}/x.pdf"], "must be a file with the suffix .npy, .csv"),
        (["--embeddings", "{tmp}/mine.npy", "{run}"], "takes the place of runs and their settings"),
        (["--embeddings", "{tmp}/mine.npy", "--refined"], "--refined goes with runs"),
        (["--embeddings", "{tmp}/mine.npy", "--labels", "{tmp}/few.txt"], "few.txt holds 2 labels, and there are 5"),
        (["--embeddings", "{tmp}/bad.npz"], "2 of 5 rows hold NaN or infinity; the first is row 1, counted from 0"),
        (["--embeddings", "{tmp}/ragged.parquet"], "vectors must be equally long, and row 1 has 2 numbers"),
    ],
)
def test_mistakes_end_in_one_sentence(run, mine, program, tmp_path, arguments, message):
    (tmp_path / "few.txt").write_text("a\nb\n")
    (tmp_path / "x.pdf").touch()
    bad = X.copy()
    bad[[1, 3], 0] = np.nan
    np.savez(tmp_path / "bad.npz", embeddings=bad, labels=LABELS)
    pd.DataFrame({"vector": [[1.0], [1.0, 2.0]], "label": [0, 1]}).to_parquet(tmp_path / "ragged.parquet")
    before = sorted(tmp_path.rglob("*"))
    assert message in program("evaluate", *(text.format(run=run, tmp=tmp_path) for text in arguments), code=2)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ks", "0,1"], "--ks: must be whole numbers of at least 1 with commas between, like 1,10,100; not '0,1'"),
        (["--restarts", "0"], "--restarts: must be a whole number of at least 1, not '0'"),
        (["--seed", "4294967296"], "--seed: must be a whole number from 0 to 4294967295"),
        (["--metric", "dot"], "--metric: invalid choice: 'dot'"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_wrong_options_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "run", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
