import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from PIL import Image

from gnn_dml.errors import UserError
from gnn_dml.results import figure_recall, plot_recall
from gnn_dml.results.plot import MOST_DRAWN

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#7a7a7a"


def row(cell, seed=0, r1=0.5, refined=math.nan, status="finished", selected_on="val", **columns):
    return {
        "run_id": f"{cell}-{seed}",
        "cell": cell,
        "seed": seed,
        "status": status,
        "selected_on": selected_on,
        "backbone_recall@1": r1,
        "refined_recall@1": refined,
        **columns,
    }


STUDY = pd.DataFrame(
    [row("untrained", 0, 0.2, selected_on="")]
    + [row("CE only", seed, 0.5 + 0.01 * seed) for seed in range(3)]
    + [row("kNN", seed, 0.6 + 0.01 * seed, 0.65 + 0.02 * seed) for seed in range(3)]
    + [row("complete", 0, 0.55, 0.56), row("complete", 1, math.nan, status="diverged")]
)


def dots(figure):
    """Every drawn dot as (colour, filled, x, nearest row), read from the axes."""
    found = []
    for collection in figure.axes[0].collections:
        if not isinstance(collection, PathCollection):
            continue
        for x, y in collection.get_offsets().data:
            colour = to_hex(collection.get_edgecolors()[0][:3])
            found.append((colour, bool(len(collection.get_facecolors())), round(float(x), 6), float(y)))
    return found


def test_a_dot_per_seed_and_branch_at_its_value_in_percent():
    seen = sorted((colour, filled, x, round(y)) for colour, filled, x, y in dots(figure_recall(STUDY)))
    assert seen == sorted(
        [(GREY, True, 20.0, 0)]
        + [(BLUE, True, x, 1) for x in (50.0, 51.0, 52.0)]
        + [(BLUE, True, x, 2) for x in (60.0, 61.0, 62.0)]
        + [(ORANGE, False, x, 2) for x in (65.0, 67.0, 69.0)]
        + [(BLUE, True, 55.0, 3), (ORANGE, False, 56.0, 3)]
    )


def test_the_expanded_embedding_stands_between_the_two_others():
    frame = pd.DataFrame([row("kNN", 0, 0.6, 0.65, **{"expanded_recall@1": 0.62})])
    seen = sorted(dots(figure_recall(frame)), key=lambda dot: dot[3])
    assert [(colour, x) for colour, _, x, _ in seen] == [(BLUE, 60.0), (GREEN, 62.0), (ORANGE, 65.0)]
    assert [entry.get_text() for entry in figure_recall(frame).legends[0].get_texts()] == [
        "backbone",
        "expanded",
        "refined",
    ]


def test_dots_of_one_value_do_not_hide_each_other_and_stay_on_their_row():
    frame = pd.DataFrame([row("kNN", seed, 0.5, 0.5) for seed in range(5)] + [row("other")])
    places = [y for *_, y in dots(figure_recall(frame))]
    assert len(set(places)) == 11
    assert all(abs(y - round(y)) < 0.35 for y in places)
    assert places == [y for *_, y in dots(figure_recall(frame))]


def test_means_are_ticked_where_there_are_several_seeds():
    axes = figure_recall(STUDY).axes[0]
    ticks = [c.get_segments()[0][0][0] for c in axes.collections if isinstance(c, LineCollection)]
    assert sorted(ticks) == pytest.approx([51.0, 61.0, 67.0])


def test_a_diverged_run_is_a_cross_at_the_left_and_never_a_dot_at_zero():
    figure = figure_recall(STUDY)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["1 of 2 diverged"]
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert [line.get_ydata()[0] for line in crosses] == [3]
    assert min(x for _, _, x, _ in dots(figure)) == 20.0
    figure.canvas.draw()
    right_of_the_words = axes.texts[0].get_window_extent().x1
    assert axes.transData.transform((20.0, 0))[0] > right_of_the_words + 5


def test_a_study_in_which_everything_diverged_can_be_drawn(tmp_path):
    frame = pd.DataFrame([row("kNN", 0, math.nan, status="diverged")])
    assert [text.get_text() for text in figure_recall(frame).axes[0].texts] == ["diverged"]
    assert plot_recall(frame, tmp_path / "plot.png").stat().st_size > 0


def test_rows_are_named_from_the_top_and_the_legend_says_what_is_there():
    figure = figure_recall(STUDY)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "untrained",
        "CE only",
        "kNN",
        "complete",
    ]
    assert axes.yaxis_inverted()
    assert axes.get_xlabel() == "Recall@1 on unseen classes (%)"
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == ["backbone", "refined", "untrained", "mean over seeds, 95 % interval"]
    alone = figure_recall(STUDY[STUDY["cell"] == "CE only"].head(1))
    assert [text.get_text() for text in alone.legends[0].get_texts()] == ["backbone"]


def test_equal_names_under_other_overrides_are_told_apart():
    frame = pd.DataFrame([row("kNN", overrides=""), row("kNN", 0, 0.6, overrides="epochs=9")])
    labels = [label.get_text() for label in figure_recall(frame).axes[0].get_yticklabels()]
    assert labels == ["kNN", "kNN\nepochs=9"]


def test_no_text_lies_over_another():
    names = [f"a rather long cell name number {i} of them all" for i in range(7)]
    frame = pd.DataFrame(
        [
            row(name, seed, 0.3 + 0.05 * i, overrides=o)
            for i, name in enumerate(names)
            for seed in range(2)
            for o in ("", "loss.temperature=0.1 data.batch=64")
        ]
        + [row("lost", 0, math.nan, status="diverged", overrides="")]
    )
    figure = figure_recall(frame)
    figure.canvas.draw()
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    shown = [t for t in axes.get_xticklabels() if low <= t.get_position()[0] <= high]
    texts = [*axes.get_yticklabels(), *shown, *axes.texts, axes.xaxis.label]
    boxes = [text.get_window_extent() for text in [*texts, *figure.legends[0].get_texts()] if text.get_text()]
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= 900


def test_the_file_is_900_pixels_wide_and_has_the_colours(tmp_path):
    path = plot_recall(STUDY, tmp_path / "new" / "plot.png")
    pixels = np.asarray(Image.open(path).convert("RGB"))
    assert pixels.shape[1] == 900
    colours = {tuple(pixel) for pixel in np.unique(pixels.reshape(-1, 3), axis=0)}
    near = [tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in (BLUE, ORANGE, GREY)]
    for colour in near:
        assert min(max(abs(int(a) - b) for a, b in zip(pixel, colour, strict=True)) for pixel in colours) < 30
    assert [p.name for p in path.parent.iterdir()] == ["plot.png"]


def test_of_hundreds_of_cells_the_first_are_drawn_and_that_is_said():
    axes = figure_recall(pd.DataFrame([row(f"cell {i}") for i in range(MOST_DRAWN + 1)])).axes[0]
    assert len(axes.get_yticklabels()) == MOST_DRAWN
    assert axes.get_title() == "the first 80 of 81 cells; the others are in results.csv"


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a backbone metric"):
        figure_recall(STUDY, metric="refined_recall@1")
    with pytest.raises(UserError, match="no metric"):
        figure_recall(STUDY, metric="backbone_recall@3")
    with pytest.raises(UserError, match=r"\.png"):
        plot_recall(STUDY, tmp_path / "plot.bmpx")
    assert not list(tmp_path.iterdir())
