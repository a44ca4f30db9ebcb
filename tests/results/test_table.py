import math

import pandas as pd
import pytest

from gnn_dml.errors import UserError
from gnn_dml.results import table


def row(
    cell: str, seed: int = 0, r1: float = 0.5, refined: float | None = None, **columns: object
) -> dict[str, object]:
    return {
        "run_id": f"{cell}-{seed}",
        "cell": cell,
        "overrides": "",
        "seed": seed,
        "status": "finished",
        "uses_labels": False,
        "selected_on": "val",
        "seconds": 100.0 + seed,
        "backbone_recall@1": r1,
        "backbone_map@r": 0.123,
        "backbone_nmi": 0.678,
        "refined_recall@1": math.nan if refined is None else refined,
        **columns,
    }


def diverged(cell: str, seed: int) -> dict[str, object]:
    metrics = dict.fromkeys(("backbone_recall@1", "backbone_map@r", "backbone_nmi", "refined_recall@1"), math.nan)
    return row(cell, seed, status="diverged") | metrics


def test_one_seed_is_bare_percent():
    printed = table(pd.DataFrame([row("kNN", r1=0.5861, refined=0.6029)]))
    assert " ".join(printed.splitlines()[0].split()) == (
        "cell seeds R@1 backbone R@1 refined difference MAP@R NMI seconds"
    )
    assert printed.splitlines()[2].split() == ["kNN", "1", "58.6", "60.3", "+1.7", "12.3", "67.8", "100"]
    assert "±" not in printed
    assert "one seed" in printed


def test_several_seeds_show_the_t_interval_and_the_paired_difference():
    # Backbone 50, 52, 54: mean 52, sd 2, 4.302653 * 2 / sqrt(3) = 4.97. Refined the same + 1, + 1, + 4:
    # difference mean 2, sd sqrt(3), half-width 4.302653. Refined 51, 53, 58: mean 54, sd sqrt(13), 8.957.
    printed = table(pd.DataFrame([row("kNN", 0, 0.50, 0.51), row("kNN", 1, 0.52, 0.53), row("kNN", 2, 0.54, 0.58)]))
    assert " ".join(printed.splitlines()[2].split()) == (
        "kNN 3 52.0 ± 5.0 54.0 ± 9.0 +2.0 ± 4.3 12.3 ± 0.0 67.8 ± 0.0 101"
    )
    assert "Student's t" in printed


def test_cells_keep_the_order_of_the_frame():
    rows = [row("zebra"), row("apple"), row("zebra", 1)]
    assert [line.split()[0] for line in table(pd.DataFrame(rows)).splitlines()[2:4]] == ["zebra", "apple"]


def test_diverged_runs_are_counted_and_never_averaged():
    printed = table(pd.DataFrame([row("kNN", 0, 0.5), diverged("kNN", 1), row("kNN", 2, 0.5)]))
    line = printed.splitlines()[2]
    assert "1 of 3 diverged" in line
    assert "50.0 ± 0.0" in line
    assert "not counted as zero" in printed


def test_a_cell_that_only_diverged_has_no_number():
    line = table(pd.DataFrame([row("CE"), diverged("kNN", 0)])).splitlines()[3]
    assert line.split() == ["kNN", "1", "of", "1", "diverged", "-", "-", "-", "-", "-", "-"]


def test_a_missing_refiner_is_a_dash():
    assert table(pd.DataFrame([row("CE", r1=0.553)])).splitlines()[2].split()[2:5] == ["55.3", "-", "-"]


def test_a_branch_measured_in_some_runs_only_is_said():
    printed = table(pd.DataFrame([row("kNN", 0, 0.5, 0.6), row("kNN", 1, 0.9, None)]))
    assert "kNN: refined_recall@1 was measured in 1 of 2 finished runs." in printed
    assert "+10.0" in printed.splitlines()[2]  # of the one seed that has both, not 60 - 70


def test_a_difference_that_rounds_to_nothing_has_no_minus():
    assert "+0.0" in table(pd.DataFrame([row("kNN", r1=0.50001, refined=0.5)])).splitlines()[2]


def test_leaking_labels_and_choosing_on_test_are_marked_and_explained():
    printed = table(pd.DataFrame([row("plain"), row("class-aware", uses_labels=True), row("peek", selected_on="test")]))
    body = printed.splitlines()[2:5]
    assert [line.split()[1] for line in body] == ["1", "*", "#"]
    assert "leak into the refined branch during training" in printed
    assert "test time never use labels" in " ".join(printed.split())
    assert "# The epoch was chosen on the test classes" in printed


def test_no_marks_no_footnotes():
    printed = table(pd.DataFrame([row("plain")]))
    assert "*" not in printed
    assert "#" not in printed


def test_overrides_make_sections_of_their_own():
    rows = [row("A", r1=0.5), row("B"), row("A", r1=0.7, overrides="epochs=9", run_id="x")]
    sections = table(pd.DataFrame(rows)).split("epochs=9")
    assert len(sections) == 2
    assert "50.0" in sections[0]
    assert "70.0" not in sections[0]
    assert "70.0" in sections[1]


@pytest.mark.parametrize("name", ["kNN", "a cell with a name that goes on for much longer than any line has room for"])
def test_it_fits_a_terminal_of_110_columns(name):
    rows = [row(name, 0, 0.1, 0.9, uses_labels=True), row(name, 1, 0.9, 0.1), diverged(name, 2)]
    printed = table(pd.DataFrame([r | {"overrides": "loss.temperature=0.1 " * 9} for r in rows]))
    assert max(map(len, printed.splitlines())) <= 110
    assert [line.split("  ")[0][-2:] for line in printed.splitlines() if line.startswith(name[:3])] == [" *"]


def test_other_metrics_and_what_is_refused():
    frame = pd.DataFrame([row("kNN")])
    assert table(frame, metrics=("nmi",)).splitlines()[0].split()[2:4] == ["NMI", "backbone"]
    with pytest.raises(UserError, match="recall@1, map@r, nmi"):
        table(frame, metrics=("recall@3",))
    with pytest.raises(UserError, match="at least one"):
        table(frame, metrics=())


def test_a_frame_read_back_from_csv_prints_the_same(tmp_path):
    frame = pd.DataFrame([row("kNN", 0, 0.5, 0.6, selected_on=""), row("kNN", 1, 0.6, 0.6), diverged("kNN", 2)])
    frame.to_csv(tmp_path / "results.csv", index=False)
    assert table(pd.read_csv(tmp_path / "results.csv")) == table(frame)
