import csv
import io
import re
import shutil
import subprocess

import pandas as pd
import pytest

from gnn_dml.errors import UserError
from gnn_dml.results import paper_table, summarise
from gnn_dml.results.paper import escape_latex, escape_markdown

VALUES = {
    "CE_only": [0.40, 0.41, 0.39, None, 0.41],
    "complete": [0.50, 0.52, 0.49, 0.51, 0.515],
    "k|NN & 50 %": [0.5005, 0.5203, 0.4888, 0.5102, 0.5154],
    "once": [0.3],
}


def study(**columns):
    rows = [
        {"run_id": f"{c}{s}", "cell": c, "seed": s, "status": "diverged" if x is None else "finished",
         "refined_map@r": x, "seconds": 10.0 + s, **columns}
        for c, cell in VALUES.items() for s, x in enumerate(cell)
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"refined_map@r": float})


SUMMARY = summarise(study())


def test_markdown_line_by_line():
    lines = paper_table(SUMMARY, "markdown").splitlines()
    assert lines[:6] == [
        "| cell | seeds | Refined MAP@R |",
        "| --- | ---: | ---: |",
        "| complete | 5 | 50.7 ± 1.5 |",
        "| CE\\_only | 4 of 5 | 40.2 ± 1.5\\* |",
        "| k\\|NN & 50 % | 5 | 50.7 ± 1.6= |",
        "| once | 1 | 30.0 |",
    ]
    assert lines[-1] == (
        "Percent; mean ± half of the 95 % interval over 1 to 5 seeds (Student's t). \\* different from complete "
        "(t-test paired by seed, 5 %); = equivalent within 1 point (two one-sided tests, 5 %); both after Holm over 2 "
        "comparisons; unmarked: not settled. Diverged seeds are left out."
    )


def test_latex_has_the_same_rows_with_booktabs():
    made = paper_table(SUMMARY, "latex")
    rows = [line.strip() for line in made.splitlines() if line.endswith(r"\\")]
    assert rows == [
        r"Cell & Seeds & Refined MAP@R \\",
        r"complete & 5 & 50.7 $\pm$ 1.5 \\",
        r"CE\_only & 4 of 5 & 40.2 $\pm$ 1.5$^{*}$ \\",
        r"k\textbar{}NN \& 50 \% & 5 & 50.7 $\pm$ 1.6$^{=}$ \\",
        r"once & 1 & 30.0 \\",
    ]
    assert [made.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
    assert r"\begin{tabular}{lrr}" in made
    assert not re.search(r"(?<!\\)[%&](?! )", made.replace(" & ", " "))


def test_csv_has_the_numbers_of_the_cells():
    rows = list(csv.DictReader(io.StringIO(paper_table(SUMMARY, "csv"))))
    assert [row["cell"] for row in rows] == ["complete", "CE_only", "k|NN & 50 %", "once"]
    assert float(rows[0]["refined_map@r"]) == pytest.approx(0.507)
    assert [row["refined_map@r_verdict"] for row in rows] == ["reference", "different", "equivalent", "not settled"]
    assert [row["seeds"] for row in rows] == ["5", "4", "5", "1"]
    assert rows[3]["refined_map@r_half_width"] == ""


def test_sections_have_a_table_each_that_says_which_it_is():
    both = summarise(pd.concat([study(overrides=""), study(overrides="lr=0.1")], ignore_index=True))
    made = paper_table(both, "markdown")
    assert made.count("| --- |") == 2
    assert made.count("lr=0.1.") == 1
    assert paper_table(both, "latex").count(r"\begin{table}") == 2


def test_labels_in_training_graphs_and_the_choice_on_test_are_said():
    frame = study()
    frame["uses_labels"] = frame["cell"] == "once"
    frame["selected_on"] = "test"
    caption = paper_table(summarise(frame), "markdown").splitlines()[-1]
    assert "Training graphs built from labels: once." in caption
    assert "Epoch chosen on the test classes: CE\\_only, complete" in caption


def test_columns_that_are_no_figures_have_no_percent():
    made = paper_table(summarise(study(), metrics=["seconds"]), "markdown")
    assert "| complete | 5 | 12 ± 1.96 |" in made
    assert "Percent" not in made


def test_what_cannot_be_made_is_refused():
    with pytest.raises(UserError, match="latex, markdown, csv"):
        paper_table(SUMMARY, "html")
    with pytest.raises(UserError, match="no metric"):
        paper_table(summarise(study().drop(columns="refined_map@r")), "latex")


@pytest.mark.parametrize("letter", list('\\~^<>|"&%$#_{}'))
def test_no_letter_reaches_latex_bare(letter):
    assert escape_latex(letter) != letter
    assert escape_latex("\x1b[2J") == r"\textbackslash{}x1b[2J"
    assert escape_markdown("a\nb") == "a\\\\x0ab"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_reads_it(tmp_path):
    page = "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(f"{page}{paper_table(SUMMARY, 'latex')}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
