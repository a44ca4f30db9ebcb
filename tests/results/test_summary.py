"""The two frames of a study: every number from a library or a slow loop, on small studies."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from gnn_dml.columns import CELL_COLUMNS, DIFFERENCE_COLUMNS
from gnn_dml.errors import UserError
from gnn_dml.results import summarise

R1, MAP = "backbone_recall@1", "refined_map@r"


def study(cells, metric=MAP, **columns):
    """Cells with a value per seed; None is a diverged seed."""
    rows = [
        {
            "run_id": f"{cell}-{seed}",
            "cell": cell,
            "seed": seed,
            "status": "diverged" if value is None else "finished",
            metric: math.nan if value is None else value,
            **columns,
        }
        for cell, values in cells.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def drawn(means, n=8, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, 0.02, n)
    return {name: list(mean + shared + rng.normal(0, 0.004, n)) for name, mean in means.items()}


FOUR = drawn({"CE": 0.40, "complete": 0.50, "kNN": 0.502, "random": 0.47})


def row(frame, cell, metric=MAP):
    (found,) = frame[(frame["cell"] == cell) & (frame["metric"] == metric)].to_dict("records")
    return found


def test_the_frames_have_the_columns_of_the_schema():
    found = summarise(study(FOUR))
    assert list(found.cells.columns) == [column.name for column in CELL_COLUMNS]
    assert list(found.differences.columns) == [column.name for column in DIFFERENCE_COLUMNS]
    empty = summarise(study({"only": [0.5]}))
    assert list(empty.differences.columns) == [column.name for column in DIFFERENCE_COLUMNS]
    assert len(empty.differences) == 0


def test_a_cell_by_itself_is_scipys_interval_of_the_mean():
    for cell, values in FOUR.items():
        found = row(summarise(study(FOUR)).cells, cell)
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (found["n"], found["diverged"]) == (8, 0)
        assert found["mean"] == pytest.approx(np.mean(values))
        assert found["sd"] == pytest.approx(np.std(values, ddof=1))
        assert (found["ci_low"], found["ci_high"]) == pytest.approx((interval.low, interval.high))


def test_a_difference_is_scipys_paired_test_and_statsmodels_holm():
    found = summarise(study(FOUR)).differences
    assert found["cell"].tolist() == ["CE", "kNN", "random"]
    assert set(found["reference"]) == {"complete"}
    assert set(found["comparisons"]) == {3}
    expected = [stats.ttest_rel(FOUR[cell], FOUR["complete"]) for cell in found["cell"]]
    assert found["p"].tolist() == pytest.approx([one.pvalue for one in expected])
    assert found["p_holm"].tolist() == pytest.approx(list(multipletests(found["p"], method="holm")[1]))
    ends = [one.confidence_interval(1 - 0.05 / 3) for one in expected]
    assert found["simultaneous_low"].tolist() == pytest.approx([one.low for one in ends])
    assert found["simultaneous_high"].tolist() == pytest.approx([one.high for one in ends])
    assert found["verdict"].tolist() == ["different", "equivalent", "different"]
    assert found["margin"].tolist() == [0.01] * 3
    assert set(found["p_exact_least"]) == {2 / 2**8}


def test_several_metrics_are_corrected_together():
    frame = study(FOUR)
    frame[R1] = frame[MAP]
    both, one = summarise(frame).differences, summarise(frame, metrics=[MAP]).differences
    assert both["metric"].tolist() == [MAP] * 3 + [R1] * 3
    assert set(both["comparisons"]) == {6}
    p = both["p"].to_numpy()
    by_definition = [min(1.0, max(q * (p >= q).sum() for q in p[p <= one])) for one in p]
    assert both["p_holm"].tolist() == pytest.approx(by_definition)
    assert row(both, "kNN")["p_holm"] > row(one, "kNN")["p_holm"]


def test_the_reference_is_complete_else_the_first_else_the_one_asked_for():
    assert set(summarise(study(FOUR)).differences["reference"]) == {"complete"}
    renamed = {name.replace("complete", "all"): values for name, values in FOUR.items()}
    assert set(summarise(study(renamed)).differences["reference"]) == {"CE"}
    asked = summarise(study(FOUR), reference="random")
    assert set(asked.differences["reference"]) == {"random"}
    assert asked.cells.loc[asked.cells["is_reference"], "cell"].tolist() == ["random"]
    with pytest.raises(UserError, match="the cells are CE, complete, kNN, random"):
        summarise(study(FOUR), reference="kNNN")


@given(st.permutations(range(8)), st.sampled_from([0.01, 0.5, 3.0]))
@settings(max_examples=10)
def test_neither_the_order_of_rows_nor_a_shift_of_every_cell_changes_a_difference(order, shift):
    frame = study({name: values for name, values in FOUR.items() if name in ("complete", "kNN")})
    other = frame.iloc[[*order, *(8 + i for i in order)]].reset_index(drop=True)
    other[MAP] = (other[MAP] + shift).to_numpy()
    one, two = summarise(frame).differences, summarise(other).differences
    numbers = one.select_dtypes("number").columns.drop("seeds_needed")
    assert one[numbers].astype(float).to_numpy() == pytest.approx(
        two[numbers].astype(float).to_numpy(), nan_ok=True, abs=1e-9
    )


def test_diverged_seeds_leave_their_pair_and_the_ranks_out():
    cells = FOUR | {"kNN": [*FOUR["kNN"][:5], None, None, FOUR["kNN"][7]]}
    found = summarise(study(cells))
    assert (row(found.differences, "kNN")["n"], row(found.differences, "CE")["n"]) == (6, 8)
    assert (row(found.cells, "kNN")["n"], row(found.cells, "kNN")["diverged"]) == (6, 2)
    assert set(found.cells["rank_seeds"]) == {6}


def test_a_cell_that_only_diverged_is_there_and_one_without_a_refiner_is_not():
    frame = study(FOUR | {"lost": [None, None]})
    frame[R1] = frame[MAP]
    frame.loc[frame["cell"] == "CE", MAP] = math.nan
    found = summarise(frame)
    lost = row(found.differences, "lost")
    assert (lost["n"], lost["verdict"]) == (0, "not settled")
    assert math.isnan(lost["mean"])
    assert found.differences.loc[found.differences["metric"] == MAP, "cell"].tolist() == ["kNN", "random", "lost"]
    assert "CE" in found.differences.loc[found.differences["metric"] == R1, "cell"].tolist()


def test_ranks_by_hand():
    found = summarise(study({"a": [0.3, 0.1], "b": [0.2, 0.1], "c": [0.1, 0.3], "baseline": [0.9]})).cells
    # Seed 0: 1, 2, 3; seed 1: 2.5, 2.5, 1. The baseline has one seed and is not ranked.
    assert found["mean_rank"].tolist()[:3] == [1.75, 2.25, 2.0]
    assert math.isnan(row(found, "baseline")["mean_rank"])
    assert found["rank_seeds"].tolist() == [2, 2, 2, 0]


def test_other_settings_of_a_study_are_a_family_of_their_own_and_never_paired():
    frame = pd.concat([study(FOUR, overrides=""), study(FOUR, overrides="protocol.epochs=3")], ignore_index=True)
    found = summarise(frame).differences
    assert found["overrides"].tolist() == [""] * 3 + ["protocol.epochs=3"] * 3
    assert set(found["comparisons"]) == {3}
    apart = pd.concat([study(FOUR), study({"far": FOUR["CE"]}, dataset="other")], ignore_index=True)
    assert "far" not in summarise(apart).differences["cell"].tolist()


def test_other_versions_are_paired_only_if_asked():
    frame = study(FOUR, version="1")
    frame.loc[(frame["cell"] == "kNN") & (frame["seed"] < 3), "version"] = "2"
    assert row(summarise(frame).differences, "kNN")["n"] == 5
    assert row(summarise(frame, mix_versions=True).differences, "kNN")["n"] == 8


def test_a_column_that_is_no_figure_has_no_points_and_no_margin():
    frame = study({"complete": [10.0, 11, 12, 13], "kNN": [10.1, 11.0, 12.1, 13.0]}, metric="seconds")
    found = row(summarise(frame, metrics=["seconds"]).differences, "kNN", "seconds")
    assert found["mean"] == pytest.approx(0.05)
    assert math.isnan(found["margin"])
    assert math.isnan(found["p_equivalence"])
    assert found["verdict"] == "not settled"


def test_what_cannot_be_summarised_is_said():
    with pytest.raises(UserError, match="no metric 'refined_map'"):
        summarise(study(FOUR), metrics=["refined_map"])
    with pytest.raises(UserError, match="holds no numbers"):
        summarise(study(FOUR), metrics=["cell"])
    for margin in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(UserError, match="margin is a number of points above 0"):
            summarise(study(FOUR), margin=margin)


def write_classes(folder, run_id, queries, figures):
    (folder / run_id).mkdir()
    rows = [f"class,queries,{MAP}", *(f"{c},{q},{x}" for c, (q, x) in enumerate(zip(queries, figures, strict=True)))]
    (folder / run_id / "classes.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture
def with_classes(tmp_path):
    """A study of two cells whose figures are the means of its classes, weighted by queries."""
    rng = np.random.default_rng(4)
    queries = rng.integers(2, 9, 30)
    hard = rng.uniform(0.2, 0.8, 30)
    cells, held = {}, {}
    for cell, gain in (("complete", 0.0), ("kNN", 0.05)):
        held[cell] = [hard + gain + rng.normal(0, 0.05, 30) for _ in range(4)]
        cells[cell] = [float(np.average(x, weights=queries)) for x in held[cell]]
        for seed, figures in enumerate(held[cell]):
            write_classes(tmp_path, f"{cell}-{seed}", queries, figures)
    return tmp_path, study(cells), queries, held


def test_the_interval_of_the_classes_is_a_bootstrap_of_the_seeds_mean(with_classes):
    folder, frame, queries, held = with_classes
    found = summarise(frame, folder_of=lambda run_id: folder / run_id)
    d = np.mean(held["kNN"], axis=0) - np.mean(held["complete"], axis=0)
    for line, values in (
        (row(found.differences, "kNN"), d),
        (row(found.cells, "complete"), np.mean(held["complete"], axis=0)),
    ):
        assert line["mean"] == pytest.approx(np.average(values, weights=queries))
        expected = stats.bootstrap(
            (values * queries, queries),
            lambda top, bottom, axis: top.sum(axis=axis) / bottom.sum(axis=axis),
            paired=True,
            rng=np.random.default_rng(1),
        ).confidence_interval
        width = expected.high - expected.low
        assert line["class_low"] == pytest.approx(expected.low, abs=0.05 * width)
        assert line["class_high"] == pytest.approx(expected.high, abs=0.05 * width)
    assert row(found.differences, "kNN")["classes"] == 30
    # Classes are harder or easier for both cells alike: paired by class, the difference has the narrower interval.
    cell, difference = row(found.cells, "kNN"), row(found.differences, "kNN")
    assert difference["class_high"] - difference["class_low"] < (cell["class_high"] - cell["class_low"]) / 3
    assert found.classless == ()


@pytest.mark.parametrize("damage", ["missing", "other classes", "no number", "twice", "empty", "other figure"])
def test_a_run_without_its_classes_costs_these_intervals_alone(with_classes, damage):
    folder, frame, *_ = with_classes
    path = folder / "kNN-2" / "classes.csv"
    lines = path.read_text().splitlines()
    changed = {
        "other classes": [lines[0], *lines[2:]],
        "no number": [*lines[:-1], "29,3,many"],
        "twice": [*lines, lines[-1]],
        "empty": [],
        "other figure": ["class,queries,refined_recall@1", *lines[1:]],
    }
    path.unlink() if damage == "missing" else path.write_text("\n".join(changed[damage]))
    found = summarise(frame, folder_of=lambda run_id: folder / run_id)
    assert math.isnan(row(found.differences, "kNN")["class_low"])
    assert row(found.differences, "kNN")["n"] == 4
    assert not math.isnan(row(found.cells, "complete")["class_low"])
    assert found.classless == (() if damage in ("other classes", "other figure") else ("kNN",))
