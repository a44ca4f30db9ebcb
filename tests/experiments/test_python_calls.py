"""From Python in one call: the numbers are those of the functions below, and importing the room loads nothing heavy."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import gnn_dml.experiments as experiments
from gnn_dml.cli.main import main
from gnn_dml.errors import UserError
from gnn_dml.metrics import retrieval


@pytest.fixture(scope="module")
def run(settings_in, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    assert main(["train", *settings_in(folder), "protocol.epochs=0", "graph=knn", "graph.k=3"]) == 0
    (result,) = folder.glob("single/*/result.json")
    return result.parent


def test_evaluate_embed_and_search(run, tmp_path):
    frame = experiments.evaluate(run, device="cpu", ks=[1, 3])
    assert frame["embedding"].tolist() == ["backbone", "refined"]
    assert frame[["member", "epoch", "images", "unmatched"]].values.tolist() == [[False, 0, 25, 0]] * 2
    for refined, row in zip((False, True), frame.to_dict("records"), strict=True):
        table = experiments.embed_runs(run, out=tmp_path / "e.npz", replace=refined, refined=refined, device="cpu")
        x, labels, _ = table.tensors()
        expected = retrieval(x, labels, ks=[1, 3])
        assert {name: row[name] for name in expected} == expected
        found = experiments.evaluate_embeddings(tmp_path / "e.npz", ks=[1, 3])
        assert found["map@r"].tolist() == [expected["map@r"]]
        assert found["nmi"].tolist() == [row["nmi"]]
    name = table.paths[4]
    near = experiments.search_images(run, name, k=3, refined=True, device="cpu", out=tmp_path / "s.png")
    cosines = np.delete(x.numpy() @ x.numpy()[4], 4)
    np.testing.assert_allclose(near["similarity"], np.sort(cosines)[::-1][:3], atol=1e-6)
    assert near["rank"].tolist() == [1, 2, 3]
    assert (tmp_path / "s.png").is_file()


def test_an_ensemble_has_its_members_as_further_rows(run):
    frame = experiments.evaluate([run, run], device="cpu", refined=False)
    assert frame["member"].tolist() == [False, True, True]
    assert frame["epoch"].isna().tolist() == [True, False, False]
    assert frame["recall@1"].nunique() == 1  # of equal members the ensemble has the ranking of each
    assert pd.isna(frame["nmi"][1])


def test_a_file_that_is_there_is_kept(run, tmp_path):
    (tmp_path / "e.npz").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        experiments.embed_runs(run, out=tmp_path / "e.npz")
    with pytest.raises(UserError, match="which run"):
        experiments.evaluate([])
    assert (tmp_path / "e.npz").read_text() == "mine"


def test_importing_the_room_loads_no_torch():
    code = "import sys, gnn_dml.experiments as e; dir(e); assert not {'torch', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
