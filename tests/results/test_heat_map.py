import json
import math

import pandas as pd
import pytest

from gnn_dml.errors import UserError
from gnn_dml.results import collect, summarise, write_report
from gnn_dml.results.heat_map import figure_heat_map, find_grid, plot_heat_map

FACTORS = {f"{g} k={k}": {"graph": g, "graph.k": k} for g in ("knn", "random") for k in (16, 2, 8)}
VALUES = {cell: [0.5 + 0.01 * i, 0.52 + 0.01 * i, 0.51 + 0.01 * i] for i, cell in enumerate(FACTORS)}


def summary(values=VALUES, **columns):
    rows = [
        {"run_id": f"{c}{s}", "cell": c, "seed": s, "status": "finished", "refined_map@r": x, **columns}
        for c, cell in values.items()
        for s, x in enumerate(cell)
    ]
    return summarise(pd.DataFrame(rows), reference="knn k=8")


def test_a_grid_is_two_settings_that_differ():
    grid = find_grid(FACTORS)
    assert grid.names == ("graph", "graph.k")
    assert grid.levels == (["knn", "random"], [2, 8, 16])
    with_constant = {cell: {**held, "lr": 0.1} for cell, held in FACTORS.items()}
    assert find_grid(with_constant).names == ("graph", "graph.k")


@pytest.mark.parametrize(
    "factors",
    [
        {},
        {"a": {"k": 1}, "b": {"k": 2}},
        {"a": {"k": 1, "g": 1, "h": 1}, "b": {"k": 2, "g": 2, "h": 2}},
        {"a": {"k": 1, "g": 1}, "b": {"k": 2}},
        {"a": {"k": 1, "g": 1}, "b": {"k": 2, "g": 2}, "c": {"k": 1, "g": 1}},
    ],
)
def test_everything_else_is_none(factors):
    assert find_grid(factors) is None


def test_every_square_has_the_mean_of_its_cell():
    missing = {cell: values for cell, values in VALUES.items() if cell != "random k=2"}
    axes = figure_heat_map(summary(missing), "refined_map@r", find_grid(FACTORS)).axes[0]
    image = axes.get_images()[0].get_array()
    for i, graph in enumerate(("knn", "random")):
        for j, k in enumerate((2, 8, 16)):
            values = missing.get(f"{graph} k={k}")
            shown = image[i, j] if not image.mask[i, j] else math.nan
            assert shown == pytest.approx(100 * sum(values) / 3 if values else math.nan, nan_ok=True)
    words = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert words[1, 0] == "53.0\n± 2.5"  # 2.0: 1 point of deviation x t(0.975, 2) / sqrt(3)
    assert words[0, 1] == "-"
    assert words[0, 0].endswith("*")  # exactly one point from the reference at every seed
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "8", "16"]
    (frame,) = axes.patches
    assert (frame.get_x() + frame.get_width() / 2, frame.get_y() + frame.get_height() / 2) == pytest.approx((1, 0))


def test_it_is_drawn_with_the_report_of_a_grid_and_not_of_other_studies(write_study, tmp_path):
    study = write_study(tmp_path / "grid", VALUES)
    frame = collect(study)
    write_report(study, frame, metrics=["refined_map@r"])
    assert not list(study.glob("heat-*"))
    (study / "study.json").write_text(json.dumps({"factors": FACTORS}))
    write_report(study, frame, metrics=["refined_map@r"])
    assert (study / "heat-refined_map@r.png").stat().st_size > 1000


def test_what_cannot_be_drawn_is_refused(tmp_path):
    grid = find_grid(FACTORS)
    with pytest.raises(UserError, match=r"\.png"):
        plot_heat_map(summary(), "refined_map@r", grid, tmp_path / "heat.gif")
    frame = pd.concat([cell.runs for cell in summary().sections[0].cells], ignore_index=True)
    both = summarise(pd.concat([frame, frame.assign(overrides="lr=1")], ignore_index=True))
    with pytest.raises(UserError, match="same data"):
        figure_heat_map(both, "refined_map@r", grid)
