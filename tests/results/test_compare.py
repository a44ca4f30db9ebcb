import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gnn_dml.errors import UserError
from gnn_dml.results import cautions, compare
from gnn_dml.results.intervals import holm, t_interval

R1 = "backbone_recall@1"


def study(cells: dict[str, list[float | None]], **columns: object) -> pd.DataFrame:
    """Cells with one value per seed; None is a diverged seed."""
    rows = [
        {
            "run_id": f"{cell}-{seed}",
            "cell": cell,
            "overrides": "",
            "seed": seed,
            "status": "diverged" if value is None else "finished",
            "selected_on": "" if cell == "untrained" else "val",
            R1: math.nan if value is None else value,
            **columns,
        }
        for cell, values in cells.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


A, B = [0.50, 0.53, 0.49, 0.55], [0.52, 0.56, 0.50, 0.58]


def test_the_difference_is_the_paired_t_test_of_scipy():
    row = compare(study({"A": A, "B": B})).iloc[0]
    expected = stats.ttest_rel(B, A)
    interval = expected.confidence_interval(0.95)
    assert (row["cell"], row["reference"], row["n"]) == ("B", "A", 4)
    assert row["mean"] == pytest.approx(0.0225)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([interval.low, interval.high])
    assert row["p"] == pytest.approx(expected.pvalue)
    assert row["verdict"] == "different"


def test_by_hand():
    # Differences 1, 2, 3: mean 2, sd 1, error 1/sqrt(3); t(0.975, 2) = 4.302653.
    interval = t_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2
    assert interval.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert interval.low < 0 < interval.high
    assert not interval.excludes_zero


def test_pairing_finds_what_unpaired_seeds_hide():
    hard = [0.40, 0.50, 0.60, 0.70]
    easier = [0.41, 0.512, 0.611, 0.709]
    assert compare(study({"A": hard, "B": easier}))["verdict"].tolist() == ["different"]
    assert stats.ttest_ind(hard, easier).pvalue > 0.9


def test_pairs_are_of_equal_seeds_and_not_of_equal_places():
    frame = study({"A": [0.1, 0.2, 0.3], "B": [0.11, 0.22, 0.33]})
    shuffled = frame.iloc[[0, 1, 2, 5, 3, 4]]
    assert compare(shuffled)["mean"].iloc[0] == pytest.approx(0.02)
    frame.loc[frame["cell"] == "B", "seed"] = [2, 0, 1]  # now 0.22 - 0.1, 0.33 - 0.2, 0.11 - 0.3
    assert compare(frame)["mean"].iloc[0] == pytest.approx((0.12 + 0.13 - 0.19) / 3)


def test_a_diverged_seed_leaves_its_pair_out():
    row = compare(study({"A": [0.5, 0.5, 0.6], "B": [0.6, None, 0.75]})).iloc[0]
    assert row["n"] == 2
    assert row["mean"] == pytest.approx(0.125)


def test_a_diverged_row_with_a_number_in_it_still_does_not_count():
    frame = study({"A": [0.5, 0.5], "B": [0.6, None]})
    frame[R1] = frame[R1].fillna(0.0)
    assert compare(frame)["n"].tolist() == [1]


def test_one_seed_has_a_mean_and_supports_nothing():
    row = compare(study({"A": [0.1], "B": [0.9]})).iloc[0]
    assert row["mean"] == pytest.approx(0.8)
    assert np.isnan([row["ci_low"], row["ci_high"], row["p"], row["p_holm"]]).all()
    assert row["verdict"] == "not settled"


def test_no_seed_in_common():
    frame = study({"A": [0.5, None], "B": [None, 0.6]})
    row = compare(frame).iloc[0]
    assert row["n"] == 0
    assert np.isnan(row["mean"])
    assert row["verdict"] == "not settled"
    assert any("no seed in common" in sentence for sentence in cautions(frame))


def test_equal_differences_have_no_spread():
    assert t_interval([0.25, 0.25]).excludes_zero
    assert t_interval([0.25, 0.25]).p == 0
    assert not t_interval([0.0, 0.0]).excludes_zero
    assert t_interval([0.0, 0.0]).p == 1


def test_every_pair_or_against_a_baseline():
    frame = study({"A": A, "B": B, "C": A})
    pairs = compare(frame)[["cell", "reference"]].to_numpy().tolist()
    assert pairs == [["B", "A"], ["C", "A"], ["C", "B"]]
    against = compare(frame, baseline="B")
    assert list(against["cell"]) == ["A", "C"]
    assert set(against["reference"]) == {"B"}
    assert against["mean"].tolist() == pytest.approx([-0.0225, -0.0225])


def test_cells_under_other_overrides_are_not_compared():
    frame = pd.concat([study({"A": A, "B": B}), study({"A": A, "B": B}, overrides="epochs=9")])
    assert compare(frame)[["cell", "reference", "overrides"]].values.tolist() == [
        ["B", "A", ""],
        ["B", "A", "epochs=9"],
    ]


def test_holm_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, and never falling: 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_does_not_count_comparisons_that_were_not_made():
    adjusted = holm([math.nan, 0.02, 0.03])
    assert math.isnan(adjusted[0])
    assert adjusted[1:] == pytest.approx([0.04, 0.04])


def test_what_cannot_be_compared_is_refused():
    frame = study({"A": A})
    with pytest.raises(UserError, match="the cells are A"):
        compare(frame, baseline="Z")
    with pytest.raises(UserError, match=R1):
        compare(frame, metric="recall")
    with pytest.raises(UserError, match="more than one run with seed 0"):
        compare(pd.concat([frame, frame.head(1)]))
    with pytest.raises(UserError, match="fraction"):
        cautions(frame, seed_spread=1.1)


def test_one_seed_cautions_name_the_close_pair_only():
    # 2 * sqrt(2) * 1.1 = 3.1 points: kNN - complete = 1.2 is below, the two others are above.
    frame = study({"untrained": [0.57], "complete": [0.574], "kNN": [0.586], "far": [0.7]})
    first, second = cautions(frame, seed_spread=0.011)
    assert "only one seed" in first
    assert second == (
        "kNN and complete differ by 1.2 points: one seed cannot support that (seeds move a row by ~1.1 points)."
    )


def test_the_bound_is_two_root_two_spreads():
    near, far = study({"A": [0.5], "B": [0.528]}), study({"A": [0.5], "B": [0.529]})
    assert len(cautions(near, seed_spread=0.01)) == 2
    assert len(cautions(far, seed_spread=0.01)) == 1


def test_an_unknown_spread_is_said_to_be_unknown():
    sentences = cautions(study({"A": [0.5], "B": [0.6]}), seed_spread=None)
    assert len(sentences) == 2
    assert "not known" in sentences[1]


def test_many_close_pairs_stay_one_sentence():
    frame = study({f"cell {i}": [0.5 + 0.001 * i] for i in range(8)})
    sentences = cautions(frame, seed_spread=0.011)
    assert len(sentences) == 2
    assert sentences[1].startswith("cell 7 and cell 0 (0.7 points); ")
    assert "and 24 smaller ones" in sentences[1]


def test_the_verdict_is_of_the_adjusted_p_value_alone():
    # B - A: p = 0.018 alone; among the three pairs Holm makes it more than 0.05.
    frame = study({"A": A, "B": B, "C": [0.46, 0.60, 0.55, 0.50]})
    first = compare(frame).iloc[0]
    assert first["p"] < 0.05 < first["p_holm"]
    assert first["ci_low"] > 0
    assert first["verdict"] == "not settled"
    assert compare(frame, baseline="A")["p_holm"].iloc[0] == pytest.approx(2 * first["p"])


def test_equivalence_needs_a_margin_that_the_interval_lies_inside():
    near = [0.5001, 0.5298, 0.4902, 0.5499]
    assert compare(study({"A": A, "B": near}))["verdict"].tolist() == ["equivalent"]
    assert compare(study({"A": A, "B": near}), margin=0.01)["verdict"].tolist() == ["not settled"]
    for margin in (0, -1, math.nan):
        with pytest.raises(UserError, match="margin"):
            compare(study({"A": A, "B": B}), margin=margin)


def test_runs_of_other_versions_are_not_paired():
    frame = study({"A": A, "B": B}, torch="2.1")
    frame.loc[(frame["cell"] == "B") & (frame["seed"] > 1), "torch"] = "2.2"
    frame.loc[(frame["cell"] == "B") & (frame["seed"] == 0), "torch"] = ""  # not known
    assert compare(frame)["n"].tolist() == [2]
    frame.loc[frame["cell"] == "B", "torch"] = "2.2"
    assert compare(frame)["n"].tolist() == [0]
    assert not any("in common" in sentence for sentence in cautions(frame))


def test_cells_with_other_seeds_share_one_or_none():
    frame = study({"A": [0.5, 0.5, 0.5, None], "B": [None, None, 0.51, 0.6], "C": [None, None, None, 0.7], "D": A})
    first, second, third, *_ = cautions(frame, seed_spread=0.01)
    assert "only one seed" in first
    assert second.startswith("B and A differ by 1.0 points: ")
    assert third == "C and A finished no seed in common: they cannot be compared."


def test_untrained_baselines_are_not_cautioned_about():
    assert cautions(study({"untrained": [0.3, 0.31], "A": [0.31, 0.30]})) == []


def test_choosing_on_test_is_said():
    frame = study({"A": [0.5, 0.5, None], "B": [0.6, 0.61, 0.6]})
    frame.loc[frame["cell"] == "B", "selected_on"] = "test"
    sentences = cautions(frame)
    assert any(sentence.startswith("B chose the epoch on the test classes") for sentence in sentences)
