"""Show what a model finds: queries with their nearest neighbours, right and wrong ones marked."""

import re
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox, BboxTransformTo, TransformedBbox
from numpy.typing import NDArray

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.results.glyphs import drawable, quiet

Arrays = Mapping[str, NDArray[Any]]
ARRAYS = ("query_images", "neighbour_images", "correct", "similarity", "query_names", "neighbour_names")
GREEN, RED, GREY = "#1a7f37", "#c62828", "#555555"
RIGHT, WRONG = "\u2713", "\u2717"
DPI = 110
CUB = re.compile(r"^\d{3}\.(?=[A-Z])")
"""How the class names of CUB-200-2011 begin."""

LETTERS = 15  # of a class name on one line beneath an image


def gallery(source: Path | Arrays, png_path: Path, *, rows: int = 8) -> Path:
    """Write `figure_gallery` to a file.

    Args:
        source: See `figure_gallery`.
        png_path: Where to write the picture.
        rows: How many queries to show at most.

    Returns:
        `png_path`.

    Raises:
        UserError: When the npz cannot be read or lacks something, or `rows` is below 1; when the picture cannot be
            written.
    """
    figure = figure_gallery(source, rows=rows)
    try:
        with quiet():
            return write_atomically(png_path, lambda partial: figure.savefig(partial, dpi=DPI, format="png"))
    except OSError as error:
        raise UserError(f"cannot write {png_path}: {error.strerror or error}") from error


def figure_gallery(source: Path | Arrays, *, rows: int = 8) -> Figure:
    """Draw queries and their neighbours, nearest first.

    The queries are taken evenly, whatever their neighbours are: none is handpicked.

    Args:
        source: A run's `neighbours.npz`, or the arrays that such a file holds (`ARRAYS`). There may also be `known`,
            which queries have a class: without one, no neighbour is right or wrong.
        rows: How many queries to show at most.

    Returns:
        The figure: a line per query; right neighbours have a green frame and a check mark, wrong ones a red
        frame, a cross and their class name. Neighbours of a query without a class have a grey frame and their class
        name.

    Raises:
        UserError: When the npz cannot be read or lacks something, or `rows` is below 1.
    """
    if rows < 1:
        raise UserError(f"a gallery needs at least one row, not {rows}")
    data = _load(source) if isinstance(source, Path) else _checked("the arrays", source)
    queries, neighbours = data["correct"].shape
    shown = np.unique(np.linspace(0, queries - 1, min(rows, queries)).round().astype(int))
    figure = Figure(figsize=(1.12 * (neighbours + 1) + 0.45, 1.42 * len(shown) + 0.3), facecolor="white")
    FigureCanvasAgg(figure)
    width, height = figure.get_size_inches()
    sheet = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))  # in inches
    sheet.axis("off")
    for line, query in enumerate(shown):
        for column in range(neighbours + 1):
            left = 0.12 + 1.12 * column + (0.2 if column else 0.0)
            bottom = height - 0.3 - 1.42 * line - 1.0
            if line == 0:
                head = "query" if column == 0 else f"{column}"
                sheet.text(left + 0.5, bottom + 1.07, head, ha="center", va="baseline", fontsize=9)
            if column == 0:
                picture = _Picture(sheet, data["query_images"][query], left, bottom)
                picture.frame("#333333", 1.0)
                _caption(picture, data["query_names"][query], "#111111")
            else:
                place = (query, column - 1)
                picture = _Picture(sheet, data["neighbour_images"][place], left, bottom)
                name = data["neighbour_names"][place]
                if data["known"][query]:
                    _mark(picture, bool(data["correct"][place]), name)
                else:
                    picture.frame(GREY, 1.0)
                    _caption(picture, name, GREY)
    return figure


_DAMAGED = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
"""What numpy raises on a file that is damaged, encrypted or of another kind."""


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: np.asarray(file[name]) for name in file.files}
    except _DAMAGED as error:
        raise UserError(f"{path} cannot be read as an npz file ({error})") from error
    return _checked(str(path), held)


def _checked(path: str, held: Arrays) -> dict[str, NDArray[Any]]:
    """The arrays to draw, all queries known where nothing is said.

    Raises:
        UserError: When one is missing or does not fit the others; `path` stands in the message.
    """
    missing = [name for name in ARRAYS if name not in held]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}")
    data = {name: np.asarray(held[name]) for name in ARRAYS}
    grid = data["correct"].shape
    if len(grid) != 2 or 0 in grid:
        raise UserError(f"{path}: 'correct' has the shape {grid}, not (queries, neighbours)")
    data["known"] = np.asarray(held.get("known", np.ones(grid[0], dtype=bool)))
    leading = {"query_images": grid[:1], "query_names": grid[:1], "known": grid[:1]}
    for name in data:
        expected = leading.get(name, grid)
        images = 3 if name.endswith("images") else 0
        shape = data[name].shape
        if shape[: len(expected)] != expected or len(shape) != len(expected) + images:
            raise UserError(f"{path}: {name!r} has the shape {shape}, which does not fit 'correct' {grid}")
    return data


class _Picture:
    """An image on the sheet; `transform` leads from fractions of it to the sheet. One Axes each would cost a second."""

    def __init__(self, sheet: Axes, image: NDArray[Any], left: float, bottom: float) -> None:
        """Put it into a square of one inch, in its own proportions."""
        height, width = np.array(image.shape[:2]) / max(image.shape[:2])
        box = Bbox.from_bounds(left + (1 - width) / 2, bottom + (1 - height) / 2, width, height)
        small = image.shape[0] < DPI  # enlarged pixels stay pixels, reduced ones are averaged
        interpolation = "nearest" if small else "antialiased"
        sheet.imshow(image, extent=(box.x0, box.x1, box.y0, box.y1), aspect="auto", interpolation=interpolation)
        self.sheet, self.box = sheet, box
        self.transform = BboxTransformTo(TransformedBbox(box, sheet.transData))

    def frame(self, colour: str, width: float) -> None:
        """Draw its border, in points."""
        box = self.box
        self.sheet.add_patch(
            Rectangle(
                (box.x0, box.y0), box.width, box.height, fill=False, edgecolor=colour, linewidth=width, zorder=2.5
            )
        )


def _mark(picture: _Picture, right: bool, name: str) -> None:
    colour = GREEN if right else RED
    picture.frame(colour, 2.6)
    badge = {"boxstyle": "square,pad=0.18", "facecolor": "white", "edgecolor": colour, "linewidth": 1.2}
    picture.sheet.text(
        0.94,
        0.93,
        RIGHT if right else WRONG,
        transform=picture.transform,
        ha="right",
        va="top",
        fontsize=10,
        fontweight="bold",
        family="DejaVu Sans",
        color=colour,
        bbox=badge,
    )
    if not right:
        _caption(picture, name, RED)


def _caption(picture: _Picture, name: str, colour: str) -> None:
    shown, fonts = drawable(_short(str(name)))
    picture.sheet.text(
        0.5,
        -0.06,
        shown,
        transform=picture.transform,
        ha="center",
        va="top",
        fontsize=7,
        color=colour,
        family=fonts,
        parse_math=False,
    )


def _short(name: str) -> str:
    """A class name on at most two lines, without its overlong end; of CUB's, without number and underscores."""
    if CUB.match(name):
        name = CUB.sub("", name).replace("_", " ")
    lines = _wrap(name.strip())
    if len(lines) > 2:
        lines = [lines[0], f"{_cut(lines[1])}…"]
    return "\n".join(lines)


def _cut(line: str) -> str:
    """The beginning of a line that leaves room for three dots, of whole words where it has several."""
    if len(line) < LETTERS:
        return line
    words = re.match(rf"(.{{1,{LETTERS - 1}}})(?<![\s_-])(?=[\s_-])", line)
    return words[1] if words else line[: LETTERS - 1]


def _wrap(name: str) -> list[str]:
    """Lines of a name, broken behind blanks, underscores and hyphens, and within a word only where it is too long."""
    lines = [""]
    for part in re.findall(r"[^\s_-]*[\s_-]+|[^\s_-]+", name):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > LETTERS:
            lines.append("")
        lines[-1] += part
        while len(lines[-1].rstrip()) > LETTERS:
            lines[-1:] = [lines[-1][:LETTERS], lines[-1][LETTERS:]]
    return [line.rstrip() for line in lines]
