import warnings

import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from scipy import stats

from gnn_dml.errors import UserError
from gnn_dml.results import summarise
from gnn_dml.results.dots import figure_dots, plot_dots

VALUES = {
    "complete": [0.50, 0.52, 0.49, 0.51, 0.515],
    "kNN": [0.5005, 0.5203, 0.4888, 0.5102, 0.5154],
    "random": [0.40, 0.41, 0.39, 0.405, None],
}


def summary(values=VALUES, metric="refined_map@r", **columns):
    rows = [
        {
            "run_id": f"{c}{s}",
            "cell": c,
            "seed": s,
            "status": "diverged" if x is None else "finished",
            metric: x,
            **columns,
        }
        for c, cell in values.items()
        for s, x in enumerate(cell)
    ]
    return summarise(pd.DataFrame(rows).astype({metric: float}), metrics=[metric])


def test_every_seed_is_a_dot_and_every_cell_has_its_mean_interval_and_verdict():
    axes = figure_dots(summary(), "refined_map@r").axes[0]
    dots = [c.get_offsets().data for c in axes.collections if isinstance(c, PathCollection)]
    for cell, found in zip(VALUES.values(), dots, strict=True):
        assert sorted(found[:, 0]) == pytest.approx(sorted(100 * x for x in cell if x is not None))
    diamonds = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
    ends = [tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 1]
    for cell, mean, (low, high) in zip(VALUES.values(), diamonds, ends, strict=True):
        x = [100 * value for value in cell if value is not None]
        expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
        assert (mean, low, high) == pytest.approx((sum(x) / len(x), expected.low, expected.high))
    assert [text.get_text() for text in axes.texts] == ["reference", "equivalent", "different, 1 of 5 diverged"]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(VALUES)
    assert axes.get_xlabel() == "refined MAP@R (%)"
    assert axes.yaxis_inverted()


def test_no_text_lies_over_another_or_outside():
    long = {f"a rather long name of a cell, number {i}": VALUES["kNN"] for i in range(9)}
    figure = figure_dots(summary({**VALUES, **long}), "refined_map@r")
    figure.canvas.draw()
    axes = figure.axes[0]
    shown = [t for t in axes.get_xticklabels() if axes.get_xlim()[0] <= t.get_position()[0] <= axes.get_xlim()[1]]
    texts = [*axes.get_yticklabels(), *axes.texts, *shown, axes.xaxis.label, axes.title]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= 900


def test_an_interval_of_two_seeds_does_not_make_the_dots_one_point():
    axes = figure_dots(summary({"complete": [0.5, 0.6], "kNN": [0.5, 0.55]}), "refined_map@r").axes[0]
    low, high = axes.get_xlim()
    assert high - low < 4 * 10


def test_columns_that_are_no_figures_and_names_of_any_script(tmp_path):
    found = summary({"$x_1$": [1.5, 2.5], "\u0905\u0928": [2.0, 2.0], "lost": [None]}, metric="seconds")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = plot_dots(found, "seconds", tmp_path / "dots.svg")
    assert path.stat().st_size > 1000
    assert figure_dots(found, "seconds").axes[0].get_xlabel() == "seconds"
    with pytest.raises(UserError, match=r"\.png, \.svg, \.pdf"):
        plot_dots(found, "seconds", tmp_path / "dots.bmp")


def test_cells_of_several_sections_stand_apart_and_have_no_common_line():
    one, other = (pd.concat([summary(overrides=o).sections[0].cells[i].runs for i in range(3)]) for o in ("", "lr=1"))
    both = summarise(pd.concat([one, other], ignore_index=True))
    axes = figure_dots(both, "refined_map@r").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()][3:] == [f"{name}\nlr=1" for name in VALUES]
    assert [text.get_text() for text in axes.texts].count("reference") == 2
