"""Draw a study: one line per cell, one dot per seed, of every embedding of the same weights."""

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.results.cells import Cell, cells_of, require_metric
from gnn_dml.results.glyphs import drawable, quiet
from gnn_dml.results.intervals import t_interval
from gnn_dml.results.names import score_name

BLUE, ORANGE, GREEN, GREY, INK = "#0072B2", "#D55E00", "#009E73", "#7a7a7a", "#222222"  # Okabe and Ito's palette
DPI = 100
OFFSET = 0.25  # how far the embeddings of a cell stand from its line
JITTER = 0.07  # how far its seeds spread around that
MARKS = {"backbone": (BLUE, BLUE, "o"), "expanded": (GREEN, GREEN, "D"), "refined": (ORANGE, "none", "o")}
"""Colour, face and marker of each embedding."""

SUFFIXES = (".png", ".svg", ".pdf")

MOST_DRAWN = 80
"""Cells; nobody reads a picture of more."""


def plot_recall(frame: pd.DataFrame, path: Path, *, metric: str = "backbone_recall@1") -> Path:
    """Write `figure_recall` to a file.

    Args:
        frame: Rows as `collect` returns them.
        path: Where to; the suffix (.png, .svg or .pdf) chooses the format.
        metric: The backbone's column.

    Returns:
        `path`.

    Raises:
        UserError: When the metric is not one of the backbone's in the frame, the suffix is another, or the file cannot
            be written.
    """
    check_suffix(path)
    return save_figure(figure_recall(frame, metric=metric), path)


def check_suffix(path: Path) -> None:
    """Refuse a format that no plot is written in.

    Raises:
        UserError: When it is another than .png, .svg or .pdf.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"a plot is written as {', '.join(SUFFIXES)}, not {path.name}")


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure atomically.

    Raises:
        UserError: When it cannot be written.
    """
    try:
        with quiet():
            return write_atomically(path, lambda partial: figure.savefig(partial, dpi=DPI))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def figure_recall(frame: pd.DataFrame, *, metric: str = "backbone_recall@1") -> Figure:
    """Draw every run of a study as a dot on the line of its cell.

    Backbone dots are filled, expanded ones diamonds, refined ones hollow; untrained baselines are grey; a tick marks
    the mean of several seeds, a line its 95 % interval, as far as the frame goes; a cell with diverged runs has a cross
    and a count at the left instead of dots at zero. Of more than `MOST_DRAWN` cells the first are drawn, which is said
    above them.

    Args:
        frame: Rows as `collect` returns them.
        metric: The backbone's column; those of the other embeddings are found by its name.

    Returns:
        A figure 900 pixels wide that no global state of matplotlib knows of.

    Raises:
        UserError: When the metric is not one of the backbone's in the frame.
    """
    require_metric(frame, metric)
    if "backbone_" not in metric:
        raise UserError(f"{metric!r} is not a backbone metric; the refined one is drawn beside the backbone's")
    known = cells_of(frame)
    cells = known[:MOST_DRAWN]
    labels = cell_labels(cells)
    height = 1.3 + 0.62 * len(cells) + 0.13 * sum(label.count("\n") for label in labels)
    figure = Figure(figsize=(9, height), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    everything = []
    for row, cell in enumerate(cells):
        branches = [name for name in MARKS if cell.by_seed(metric.replace("backbone_", f"{name}_"))]
        for place, name in enumerate(branches):
            middle = row + OFFSET * (2 * place / max(1, len(branches) - 1) - 1) * (len(branches) > 1)
            everything += _branch(axes, middle, cell, metric.replace("backbone_", f"{name}_"), name)
    _limits(axes, everything, any(cell.diverged for cell in cells))
    for row, cell in enumerate(cells):
        if cell.diverged:
            _diverged(axes, row, cell)
    drawn = [drawable(label) for label in labels]
    fonts = list(dict.fromkeys(font for _, needed in drawn for font in needed))
    axes.set_yticks(range(len(cells)), [label for label, _ in drawn], parse_math=False, family=fonts)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.set_xlabel(_axis_label(metric))
    axes.grid(axis="x", color="#e4e4e4")
    axes.set_axisbelow(True)
    for row in range(1, len(cells)):
        axes.axhline(row - 0.5, color="#efefef", linewidth=0.8, zorder=0)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    _legend(figure, cells, metric)
    if len(known) > len(cells):
        said = f"the first {len(cells)} of {len(known)} cells; the others are in results.csv"
        axes.set_title(said, fontsize=9, color=INK)
    return figure


def _branch(axes: Axes, middle: float, cell: Cell, metric: str, name: str) -> list[float]:
    """Draw the dots of one embedding, spread by the seeds' order, and return their places in percent."""
    x = 100 * cell.values(metric).to_numpy()
    colour, face, marker = MARKS[name]
    if not cell.trained:
        colour, face = GREY, "none" if face == "none" else GREY
    y = middle + (np.linspace(-JITTER, JITTER, len(x)) if len(x) > 1 else np.zeros(1))
    size = 30 if marker == "o" else 18
    axes.scatter(x, y, s=size, marker=marker, facecolors=face, edgecolors=colour, linewidths=1.3, alpha=0.9, zorder=3)
    if len(x) > 1:
        axes.vlines(float(x.mean()), middle - 0.12, middle + 0.12, colors=INK, linewidth=1.6, zorder=4)
        found = t_interval(x)
        axes.plot([found.low, found.high], [middle, middle], color=colour, linewidth=1.1, alpha=0.7, zorder=2)
    return [float(value) for value in x]


def _limits(axes: Axes, values: Sequence[float], room: bool) -> None:
    """Frame the dots with a margin, and leave the left fifth free where a diverged run is to be told of."""
    low, high = (min(values), max(values)) if values else (0.0, 100.0)
    margin = max(0.04 * (high - low), 0.5)
    low, high = low - margin, high + margin
    axes.set_xlim(low - (0.25 * (high - low) if room else 0.0), high)


def _diverged(axes: Axes, row: int, cell: Cell) -> None:
    across = axes.get_yaxis_transform()
    axes.plot([0.018], [row], marker="x", color=INK, markersize=7, markeredgewidth=1.8, transform=across)
    said = f"{cell.diverged} of {len(cell)} diverged" if len(cell) > 1 else "diverged"
    axes.text(0.036, row, said, transform=across, va="center", ha="left", fontsize=8.5, color=INK)


def cell_labels(cells: Sequence[Cell]) -> list[str]:
    """The cells' names, wrapped, with what tells equal names apart beneath them."""
    settings = list(zip(*(cell.setting for cell in cells), strict=True))
    differ = [i for i, column in enumerate(settings) if len(set(column)) > 1]
    labels = []
    for cell in cells:
        shown = [*cell.setting[:3], cell.data]
        parts = [fill(cell.name, 26), *(fill(shown[i], 30) for i in differ if shown[i])]
        labels.append("\n".join(parts))
    return labels


def _axis_label(metric: str) -> str:
    where = "on validation classes" if metric.startswith("val_") else "on unseen classes"
    last = ", last epoch" if metric.startswith("last_") else ""
    return f"{score_name(re.sub(r'.*backbone_', '', metric))} {where}{last} (%)"


def _legend(figure: Figure, cells: Sequence[Cell], metric: str) -> None:
    def dot(colour: str, face: str, label: str, marker: str = "o") -> Line2D:
        return Line2D([], [], linestyle="", marker=marker, color=colour, markerfacecolor=face, label=label)

    handles = []
    trained = [cell for cell in cells if cell.trained]
    for name, (colour, face, marker) in MARKS.items():
        if any(cell.by_seed(metric.replace("backbone_", f"{name}_")) for cell in trained):
            handles.append(dot(colour, face, name, marker))
    if len(trained) < len(cells):
        handles.append(dot(GREY, GREY, "untrained"))
    if any(len(cell.by_seed(metric)) > 1 for cell in cells):
        tick = Line2D([], [], linestyle="", marker="|", markersize=11, markeredgewidth=1.6, color=INK)
        tick.set_label("mean over seeds, 95 % interval")
        handles.append(tick)
    figure.legend(handles=handles, loc="outside upper center", ncols=5, frameon=False, fontsize=9)
