"""Draw a grid of two settings: the mean of each cell as a colour and a number."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from gnn_dml.errors import UserError
from gnn_dml.results.glyphs import drawable
from gnn_dml.results.names import is_figure, metric_name, scale_of
from gnn_dml.results.plot import INK, check_suffix, save_figure
from gnn_dml.results.summary import Summary

COLOURS = "cividis"
"""Even in lightness, and told apart with any colour vision."""

MARKS = {"different": "*", "equivalent": "=", "not settled": ""}


class Grid(NamedTuple):
    """The two settings of a grid, their values in order, and the cell at each pair of values."""

    names: tuple[str, str]
    levels: tuple[list[Any], list[Any]]
    cells: dict[tuple[str, str], str]


def find_grid(factors: Mapping[str, Mapping[str, Any]]) -> Grid | None:
    """The grid of a study.

    Args:
        factors: By cell, its settings.

    Returns:
        None unless exactly two settings differ, each cell has both, and no two cells have the same pair.
    """
    names = list(dict.fromkeys(name for settings in factors.values() for name in settings))
    levels = {name: {_key(held.get(name)): held.get(name) for held in factors.values()} for name in names}
    differing = [name for name in names if len(levels[name]) > 1]
    if len(differing) != 2 or not all(name in held for held in factors.values() for name in differing):
        return None
    first, second = differing
    cells = {(_key(held[first]), _key(held[second])): cell for cell, held in factors.items()}
    if len(cells) < len(factors):
        return None
    return Grid((first, second), (_ordered(levels[first].values()), _ordered(levels[second].values())), cells)


def plot_heat_map(summary: Summary, metric: str, grid: Grid, path: Path) -> Path:
    """Write `figure_heat_map` to a file; the suffix (.png, .svg or .pdf) chooses the format.

    Raises:
        UserError: When the suffix is another, the cells stand in several sections, or the file cannot be written.
    """
    check_suffix(path)
    return save_figure(figure_heat_map(summary, metric, grid), path)


def figure_heat_map(summary: Summary, metric: str, grid: Grid) -> Figure:
    """A square per cell with its mean, half of the 95 % interval, and a mark for its verdict; the reference is framed.

    Args:
        summary: Of a study of one section.
        metric: One of its metrics.
        grid: Of `find_grid`.

    Raises:
        UserError: When the cells stand in several sections: a grid has one value for each pair.
    """
    if len(summary.sections) != 1:
        raise UserError("a heat map is drawn of cells on the same data under the same overrides")
    rows, columns = grid.levels
    own = {str(row["cell"]): row for row in summary.cells.to_dict("records") if row["metric"] == metric}
    means = np.full((len(rows), len(columns)), math.nan)
    for i, j, cell in _places(grid):
        if cell in own:
            means[i, j] = scale_of(metric) * own[cell]["mean"]
    figure = Figure(
        figsize=(max(4.2, 2.6 + 0.95 * len(columns)), max(2.6, 1.6 + 0.62 * len(rows))),
        layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08),
        facecolor="white",
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colours = matplotlib.colormaps[COLOURS].with_extremes(bad="#eeeeee")
    image = axes.imshow(np.ma.masked_invalid(means), cmap=colours, aspect="auto")
    verdicts = summary.differences[summary.differences["metric"] == metric].set_index("cell")["verdict"]
    for i, j, cell in _places(grid):
        said = _words(own.get(cell), metric) + MARKS[str(verdicts.get(cell, "not settled"))]
        shade = image.to_rgba(means[i, j])[:3] if not math.isnan(means[i, j]) else (1.0, 1.0, 1.0)
        light = float(np.dot(shade, (0.299, 0.587, 0.114))) > 0.5
        axes.text(j, i, said, ha="center", va="center", fontsize=8.5, color=INK if light else "white")
        if cell in own and own[cell]["is_reference"]:
            axes.add_patch(Rectangle((j - 0.47, i - 0.44), 0.94, 0.88, fill=False, edgecolor="#D55E00", linewidth=2.2))
    _ticks(axes, grid)
    bar = figure.colorbar(image, ax=axes)
    label, fonts = drawable(metric_name(metric) + (" (%)" if is_figure(metric) else ""))
    bar.set_label(label, family=fonts, parse_math=False)
    title = "mean ± half of the 95 % interval; framed: reference;\n* different, = equivalent, after Holm"
    axes.set_title(title, fontsize=8.5, color=INK)
    return figure


def _places(grid: Grid) -> list[tuple[int, int, str]]:
    rows, columns = grid.levels
    pairs = [(i, j, (_key(a), _key(b))) for i, a in enumerate(rows) for j, b in enumerate(columns)]
    return [(i, j, grid.cells[pair]) for i, j, pair in pairs if pair in grid.cells]


def _words(row: Mapping[Hashable, Any] | None, metric: str) -> str:
    if row is None or row["n"] == 0:
        return "-"
    mean, high = (scale_of(metric) * row[name] for name in ("mean", "ci_high"))
    digits = ".1f" if is_figure(metric) else ".3g"
    return f"{mean:{digits}}" + ("" if math.isnan(high) else f"\n± {high - mean:{digits}}")


def _ticks(axes: Axes, grid: Grid) -> None:
    for name, levels, axis in zip(grid.names, grid.levels, (axes.yaxis, axes.xaxis), strict=True):
        drawn = [drawable(str(level)) for level in levels]
        fonts = list(dict.fromkeys(font for _, needed in drawn for font in needed))
        axis.set_ticks(range(len(levels)), [label for label, _ in drawn], family=fonts, parse_math=False)
        shown, needed = drawable(name)
        axis.set_label_text(shown, family=needed, parse_math=False)
    axes.tick_params(length=0)
    if max(len(str(level)) for level in grid.levels[1]) > 9:
        axes.tick_params(axis="x", rotation=30)


def _ordered(levels: Iterable[Any]) -> list[Any]:
    """Numbers by size, everything else as it came."""
    values = list(levels)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return sorted(values) if numbers else values


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
