"""`gnn-dml collect`: what is typed and what is printed; what it computes is tested in tests/results."""

import json

import pandas as pd
import pytest

from gnn_dml.cli.main import main


@pytest.fixture
def study(tmp_path):
    for cell, gain in (("complete", 0.0), ("kNN", 0.01)):
        for seed in range(3):
            run = tmp_path / "topology" / f"{cell}-{seed}"
            run.mkdir(parents=True)
            row = {"run_id": run.name, "cell": cell, "seed": seed, "status": "finished", "seconds": 1.0}
            figures = {
                f"{b}_{m}": 0.5 + gain + 0.01 * seed for b in ("backbone", "refined") for m in ("recall@1", "map@r")
            }
            (run / "result.json").write_text(json.dumps(row | figures))
    return tmp_path / "topology"


def test_a_study_is_rebuilt(study, program):
    printed = program("collect", study, "--metric", "refined_map@r", "--margin", "2")
    assert "kNN is 1.0 points above complete in refined MAP@R" in printed
    for name in ("results.csv", "cells.csv", "differences.csv", "dots-refined_map@r.png"):
        assert f"written  {study / name}" in printed
        assert (study / name).is_file()
    assert pd.read_csv(study / "differences.csv")["margin"].tolist() == [0.02]


def test_a_table_of_a_paper_is_printed_alone(study, program):
    printed = program("collect", study, "--format", "latex", "--reference", "kNN")
    assert printed.startswith("\\begin{table}")
    assert printed.endswith("\\end{table}\n")
    assert not (study / "cells.csv").exists()


def test_an_output_that_is_there_already_is_replaced(study, program, tmp_path):
    (tmp_path / "t.csv").write_text("old")
    program("collect", study, "--out", tmp_path / "t.csv")
    assert pd.read_csv(tmp_path / "t.csv")["cell"].tolist() == ["complete", "kNN"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone"], "there is no folder gone"),
        (["STUDY", "--reference", "gone"], "the cells are complete, kNN"),
        (["STUDY", "--metric", "gone"], "no metric 'gone'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(study, program, arguments, said):
    assert said in program("collect", *(str(study) if a == "STUDY" else a for a in arguments), code=2)


@pytest.mark.parametrize("margin", ["0", "-1", "nan", "inf", "one"])
def test_a_margin_is_a_number_of_points(study, margin, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["collect", str(study), f"--margin={margin}"])
    assert ended.value.code == 2
    assert "a number of points above 0" in capsys.readouterr().err
