"""The benchmarks do what they print and write, small; their figures are nobody's test."""

import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def started(monkeypatch, processes):
    """Starts a script with arguments, in this process; its own processes come from the server of the tests."""
    processes.run("-c", "")
    threads = torch.get_num_threads()

    def start(script, *arguments):
        monkeypatch.syspath_prepend(ROOT / "benchmarks")
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        runpy.run_path(str(ROOT / "benchmarks" / script), run_name="__main__")

    yield start
    torch.set_num_threads(threads)


@pytest.fixture
def run(started, capsys):
    """What a script prints, and its rows."""

    def finish(script, out, *arguments):
        started(script, "--out", str(out), *arguments)
        return capsys.readouterr().out, pd.read_csv(out)

    return finish


ALONE = ("--large", "none", "--sparse", "none")


def test_message_passing(run, tmp_path):
    printed, rows = run(
        "message_passing.py",
        tmp_path / "rows.csv",
        "--device",
        "cpu",
        "--sizes",
        "6,12",
        "--large",
        "300",
        "--sparse",
        "40:60",
        "--seconds",
        "0.05",
        "--dtypes",
        "float32",
    )
    assert "kNN 8" in printed
    assert rows.groupby(["dtype", "graph", "nodes"]).size().to_dict() == {
        (dtype, graph, nodes): layers
        for dtype in ("float32",)
        for graph, nodes, layers in (
            ("complete", 6, 4),
            ("complete", 12, 4),
            ("complete", 300, 1),
            ("kNN 8", 12, 4),
            ("sparse", 40, 4),
        )
    }
    assert (rows["time_over_floor"] * rows["floor_ms"] / rows["ours_ms"]).dropna().between(0.95, 1.05).all()
    small = rows["nodes"] <= 12
    assert rows.loc[small, ["ours_mib", "floor_mib", "pyg_mib"]].gt(0).all(axis=None)
    assert rows.loc[~small, "floor_ms"].isna().all()


def test_a_size_that_takes_too_long_is_left_out_and_said(run, tmp_path):
    short = ("--seconds", "0.01", "--longest", "0", "--dtypes", "bfloat16")
    arguments = ("--device", "cpu", "--sizes", "6,12", *short, *ALONE)
    printed, rows = run("message_passing.py", tmp_path / "rows.csv", *arguments)
    assert "PyG left out, time" in printed
    assert set(rows["dtype"]) == {"bfloat16"}
    assert (rows["pyg_ms"].isna() == rows["pyg_left_out"].notna()).all()
    assert rows.loc[(rows["graph"] == "complete") & (rows["nodes"] == 12), "pyg_ms"].isna().all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sizes", "many"), "whole numbers of at least 1"),
        (("--sizes", "0,4"), "whole"),
        (("--dtypes", "int8"), "int8"),
        (("--sparse", "20"), "NODES:EDGES"),
    ],
)
def test_wrong_arguments_are_named(started, arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        started("message_passing.py", *arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_loading(run, tmp_path):
    small = ("--images", "4", "--workers", "0", "1", "--batch", "2", "--repeats", "1")
    printed, rows = run("loading.py", tmp_path / "rows.csv", *small)
    assert "4 photographs of 500 x 375" in printed
    assert rows["what"].tolist() == ["floor", *["no cache", "filling", "cached"] * 2]
    plain = rows["images_per_second"].where(rows["what"] == "no cache").ffill()
    found = (rows["over_no_cache"] * plain / rows["images_per_second"])[1:]
    assert found.between(0.95, 1.05).all()  # figures are rounded, and a slow machine has small ones


def test_crossover_as_a_person_starts_it(processes, tmp_path):
    start = (
        "import runpy, sys; sys.path[0] = sys.argv.pop(1)\n"
        "runpy.run_path(sys.path[0] + '/crossover.py', run_name='__main__')"
    )
    small = ["--device", "cpu", "--sizes", "4,16", "--seconds", "0.02", "--out", "rows.csv"]
    done = processes.run("-c", start, ROOT / "benchmarks", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert set(rows["chosen"]) <= {"dense", "sparse"}
    assert rows["time_over_better_path"].ge(1).all()
    assert "rows.csv" in done.stdout


def test_refiner_share(run, tmp_path):
    printed, rows = run(
        "refiner_share.py",
        tmp_path / "rows.csv",
        *("--device", "cpu", "--nodes", "4", "--pixels", "32", "--backbone", "resnet18", "--seconds", "0.5"),
    )
    assert len(rows) == 4
    assert (rows["share"] * rows["step_ms"] - rows["block_ms"]).abs().max() < 0.1
    assert "of the step" in printed


def test_evaluation(run, tmp_path):
    printed, rows = run("evaluation.py", tmp_path / "rows.csv", "--cases", "refine", "--images", "120")
    assert "largest_difference" in printed
    assert rows["what"].tolist() == ["ours", "published"]
    assert (rows["ours_over_this"] * rows["seconds"] / rows["seconds"].iloc[0]).between(0.99, 1.01).all()
    assert rows["largest_difference"].max() < 1e-5


def test_training_step(run, tmp_path):
    small = ("--device", "cpu", "--batches", "2", "--rounds", "1", "--cnns", "small CNN")
    printed, rows = run("training_step.py", tmp_path / "rows.csv", *small)
    assert rows["cnn"].tolist() == ["small CNN"]
    assert (rows["loop_over_bare"] * rows["bare_ms"] / rows["loop_ms"]).between(0.99, 1.01).all()
    assert (rows["measuring_ms"] > 0).all()
    assert "measuring" in printed


def test_training_free(run, tmp_path):
    small = ("--cases", "cub", "--what", "k_reciprocal", "--images", "60")
    printed, rows = run("training_free.py", tmp_path / "rows.csv", *small)
    assert rows["what"].tolist() == ["faiss", "k_reciprocal"]
    assert (rows["over_floor"] * rows["seconds"].iloc[0] / rows["seconds"]).between(0.99, 1.01).all()
    assert rows["map@r"].notna().tolist() == [False, True]
    assert "processor_seconds" in printed


def test_error_rates(run, tmp_path):
    printed, rows = run("error_rates.py", tmp_path / "rows.csv", "--studies", "40", "--seeds", "4", "--classes", "9")
    assert rows["truth"].nunique() == len(rows) == 6
    assert rows["class bootstrap holds"].notna().tolist() == [False] * 3 + [True] * 3
    assert (rows["false finding"].dropna() <= rows["unadjusted"].dropna()).all()
    assert "false equivalence" in printed


def test_collecting(run, tmp_path):
    printed, rows = run("collecting.py", tmp_path / "rows.csv", "--runs", "20", "--classes", "4")
    assert rows["what"].tolist()[:4] == ["collect", "collect again, nothing new", "table", "statistics"]
    assert rows["what"].tolist()[4:] == ["statistics of four metrics", "all of gnn-dml collect"]
    assert set(rows["runs"]) == {20}
    assert "statistics" in printed
