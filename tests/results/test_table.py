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
        "expanded_recall@1": r1 + 0.01,
        "expanded_map@r": 0.15,
        "refined_map@r": math.nan if refined is None else 0.145,
        "backbone_nmi": 0.678,
        "refined_recall@1": math.nan if refined is None else refined,
        **columns,
    }


def diverged(cell: str, seed: int) -> dict[str, object]:
    found = row(cell, seed, status="diverged")
    return found | {name: math.nan for name in found if name.startswith(("backbone_", "expanded_", "refined_"))}


def body(frame: pd.DataFrame) -> list[list[str]]:
    """The words of the lines of the first table."""
    lines = table(frame).split("\n\n")[0].splitlines()
    return [line.split() for line in lines[3:]]


def test_one_seed_is_bare_percent():
    printed = table(pd.DataFrame([row("kNN", r1=0.5861, refined=0.6029)]))
    first, title, second, notes = printed.split("\n\n")
    assert [" ".join(line.split()) for line in first.splitlines()[:2]] == [
        "R@1 R@1 R@1 MAP@R MAP@R MAP@R",
        "cell seeds backbone expanded refined backbone expanded refined seconds",
    ]
    assert first.splitlines()[3].split() == ["kNN", "1", "58.6", "59.6", "60.3", "12.3", "15.0", "14.5", "100"]
    assert title == "The refined embedding minus another of the same weights, in points:"
    assert [" ".join(line.split()) for line in second.splitlines()[:2]] == [
        "R@1 R@1 MAP@R MAP@R",
        "cell - backbone - expanded - backbone - expanded",
    ]
    assert second.splitlines()[3].split() == ["kNN", "+1.7", "+0.7", "+2.2", "-0.5"]
    assert "±" not in printed
    assert "one seed" in notes


def test_several_seeds_show_the_t_interval_and_the_paired_difference():
    # Backbone 50, 52, 54: mean 52, sd 2, 4.302653 * 2 / sqrt(3) = 4.97. Refined the same + 1, + 1, + 4:
    # difference mean 2, sd sqrt(3), half-width 4.302653. Refined 51, 53, 58: mean 54, sd sqrt(13), 8.957.
    printed = table(pd.DataFrame([row("kNN", 0, 0.50, 0.51), row("kNN", 1, 0.52, 0.53), row("kNN", 2, 0.54, 0.58)]))
    first, _, second, notes = printed.split("\n\n")
    assert " ".join(first.splitlines()[3].split()) == (
        "kNN 3 52.0 ± 5.0 53.0 ± 5.0 54.0 ± 9.0 12.3 ± 0.0 15.0 ± 0.0 14.5 ± 0.0 101"
    )
    assert second.splitlines()[3].split()[:4] == ["kNN", "+2.0", "±", "4.3"]
    assert "Student's t" in notes


def test_cells_keep_the_order_of_the_frame():
    rows = [row("zebra"), row("apple"), row("zebra", 1)]
    assert [words[0] for words in body(pd.DataFrame(rows))] == ["zebra", "apple"]


def test_diverged_runs_are_counted_and_never_averaged():
    printed = table(pd.DataFrame([row("kNN", 0, 0.5), diverged("kNN", 1), row("kNN", 2, 0.5)]))
    line = printed.splitlines()[3]
    assert "2 of 3" in line
    assert "50.0 ± 0.0" in line
    assert "not counted as zero" in printed


def test_a_cell_that_only_diverged_has_no_number():
    words = body(pd.DataFrame([row("CE"), diverged("kNN", 0)]))[1]
    assert words == ["kNN", "0", "of", "1", "-", "-", "-", "-", "-"]


def test_a_missing_refiner_is_a_dash():
    frame = pd.DataFrame([row("CE", r1=0.553), row("kNN", refined=0.5)])
    assert body(frame)[0][2:5] == ["55.3", "56.3", "-"]
    assert "CE" not in table(frame).split("\n\n")[2]
    assert "refined" not in table(frame[:1]).split("\n\n")[0]


def test_what_keeps_a_graph_from_being_used_is_said():
    notes = ("the attention is uniform", "", "the attention is uniform")
    rows = [row("complete", seed, graph_note=note) for seed, note in enumerate(notes)]
    assert "complete: the attention is uniform (2 of 3 runs)." in table(pd.DataFrame(rows))
    assert "complete: the attention is uniform." in table(pd.DataFrame(rows[:1]))
    assert "uniform" not in table(pd.DataFrame([row("complete")]))


def test_a_branch_measured_in_some_runs_only_is_said():
    printed = table(pd.DataFrame([row("kNN", 0, 0.5, 0.6), row("kNN", 1, 0.9, None)]))
    assert "kNN: refined_recall@1 was measured in 1 of 2 finished runs." in printed
    assert "+10.0" in printed.split("\n\n")[2]  # of the one seed that has both, not 60 - 70


def test_a_difference_that_rounds_to_nothing_has_no_minus():
    assert "+0.0" in table(pd.DataFrame([row("kNN", r1=0.50001, refined=0.5)])).split("\n\n")[2]


def test_leaking_labels_and_choosing_on_test_are_marked_and_explained():
    printed = table(pd.DataFrame([row("plain"), row("class-aware", uses_labels=True), row("peek", selected_on="test")]))
    assert [line.split()[1] for line in printed.splitlines()[3:6]] == ["1", "*", "#"]
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
    assert [line.split("  ")[0][-2:] for line in printed.splitlines() if line.startswith(name[:3])] == [" *"] * 2


def test_other_metrics_and_what_is_refused():
    frame = pd.DataFrame([row("kNN")])
    assert table(frame, metrics=("nmi",)).splitlines()[0].split() == ["NMI"]
    with pytest.raises(UserError, match="recall@1, map@r, nmi"):
        table(frame, metrics=("recall@3",))
    with pytest.raises(UserError, match="at least one"):
        table(frame, metrics=())


def test_a_frame_read_back_from_csv_prints_the_same(tmp_path):
    frame = pd.DataFrame([row("kNN", 0, 0.5, 0.6, selected_on=""), row("kNN", 1, 0.6, 0.6), diverged("kNN", 2)])
    frame.to_csv(tmp_path / "results.csv", index=False)
    assert table(pd.read_csv(tmp_path / "results.csv")) == table(frame)


def failed(cell: str, seed: int, error: str) -> dict[str, object]:
    return {"run_id": f"{cell}-{seed}", "cell": cell, "overrides": "", "seed": seed, "status": "failed", "error": error}


def test_failed_runs_are_left_out_and_named_with_the_first_error():
    rows = [row("a", 0, 0.5), row("a", 1, 0.7), *(failed("b", seed, f"no memory {seed}") for seed in range(6))]
    text = " ".join(table(pd.DataFrame(rows)).split())
    assert "a 2 60.0" in text
    assert text.endswith(
        "Ended in an error and left out: b seed 0, b seed 1, b seed 2, b seed 3 and 2 more. The first: no memory 0"
    )
    assert "error" not in table(pd.DataFrame(rows[:2]))


def test_where_all_have_failed_that_is_said():
    with pytest.raises(UserError, match=r"every run has failed. Ended in an error and left out: b seed 0.*: gone$"):
        table(pd.DataFrame([failed("b", 0, "gone")]))
