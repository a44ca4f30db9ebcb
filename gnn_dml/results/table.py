"""The text table of a study: one line per cell, in percent, over seeds."""

from collections.abc import Sequence
from textwrap import fill

import pandas as pd

from gnn_dml.errors import UserError
from gnn_dml.results.cells import Cell, cells_of
from gnn_dml.results.intervals import Interval, t_interval

METRICS = ("recall@1", "map@r", "nmi")
WIDTH = 110
SHORT = {"recall": "R", "map": "MAP", "r_precision": "R-prec.", "nmi": "NMI", "ami": "AMI"}


def table(frame: pd.DataFrame, *, metrics: Sequence[str] = METRICS) -> str:
    """Print a study as text, at most 110 columns wide.

    Args:
        frame: Rows as `collect` returns them.
        metrics: Scores without a branch. The first is shown for the backbone, for the refined branch and as
            their difference on the same weights; the others for the backbone.

    Returns:
        The table, with one section per setting when the frame holds several, and footnotes.

    Raises:
        UserError: When a metric is not in the frame.
    """
    for metric in metrics:
        if f"backbone_{metric}" not in frame:
            known = [str(name)[9:] for name in frame.columns if str(name).startswith("backbone_")]
            raise UserError(f"no metric {metric!r} in these results; there are {', '.join(known) or 'none'}")
    cells = cells_of(frame)
    if not cells or not metrics:
        raise UserError("a table needs at least one row and one metric")
    head = _head(metrics)
    body = [[_label(cell), _seeds(cell), *_numbers(cell, metrics)] for cell in cells]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    widths[0] = min(widths[0], max(12, WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1)))
    lines: list[str] = []
    for setting in dict.fromkeys(cell.setting for cell in cells):
        title = "  ".join(part for part in (setting[1], setting[2], setting[0]) if part)
        lines += [fill(title, WIDTH), ""] if title else []
        lines += [_line(head, widths), _line(["-" * width for width in widths], widths)]
        lines += [_line(line, widths) for cell, line in zip(cells, body, strict=True) if cell.setting == setting]
        lines.append("")
    return "\n".join([*lines, *(fill(note, WIDTH, subsequent_indent="  ") for note in _notes(cells, metrics))])


def _head(metrics: Sequence[str]) -> list[str]:
    names = []
    for metric in metrics:
        stem, at, rest = metric.partition("@")
        names.append(SHORT.get(stem, stem) + at + rest.upper())
    first, *others = names
    return ["cell", "seeds", f"{first} backbone", f"{first} refined", "difference", *others, "seconds"]


def _label(cell: Cell) -> str:
    marks = ("*" if cell.uses_labels else "") + ("#" if cell.selected_on_test else "")
    return f"{cell.name} {marks}" if marks else cell.name


def _seeds(cell: Cell) -> str:
    return f"{cell.diverged} of {len(cell.runs)} diverged" if cell.diverged else str(len(cell.runs))


def _numbers(cell: Cell, metrics: Sequence[str]) -> list[str]:
    backbone, refined = (cell.values(f"{branch}_{metrics[0]}") for branch in ("backbone", "refined"))
    others = [_percent(t_interval(cell.values(f"backbone_{metric}").to_numpy())) for metric in metrics[1:]]
    seconds = cell.values("seconds")
    return [
        _percent(t_interval(backbone.to_numpy())),
        _percent(t_interval(refined.to_numpy())),
        _percent(t_interval((refined - backbone).dropna().to_numpy()), sign="+"),
        *others,
        f"{seconds.mean():.{0 if seconds.mean() >= 10 else 1}f}" if len(seconds) else "-",
    ]


def _percent(interval: Interval, sign: str = "") -> str:
    if interval.n == 0:
        return "-"
    mean = f"{round(100 * interval.mean, 1) + 0.0:{sign}.1f}"
    return mean if interval.n == 1 else f"{mean} ± {100 * interval.half_width:.1f}"


def _line(parts: Sequence[str], widths: Sequence[int]) -> str:
    first = parts[0]
    if len(first) > widths[0]:  # keep the end: that is where the marks are
        first = f"{first[: widths[0] - 7]}...{first[-4:]}"
    rest = (part.rjust(width) for part, width in zip(parts[1:], widths[1:], strict=True))
    return "  ".join([first.ljust(widths[0]), *rest]).rstrip()


def _notes(cells: Sequence[Cell], metrics: Sequence[str]) -> list[str]:
    notes = ["Percent; difference = refined - backbone, on the same weights; seconds = mean time of a run."]
    if any(len(cell.runs) - cell.diverged > 1 for cell in cells):
        notes.append("± is half the 95 % confidence interval of the mean over seeds (Student's t).")
    if any(len(cell.runs) - cell.diverged == 1 for cell in cells):
        notes.append("A row of one seed has no interval: how far another seed would move it is not known.")
    if any(cell.diverged for cell in cells):
        notes.append("Diverged runs have no numbers: they are left out of the means, not counted as zero.")
    for cell in cells:
        finished = len(cell.runs) - cell.diverged
        for column in (f"backbone_{metrics[0]}", f"refined_{metrics[0]}"):
            measured = len(cell.values(column))
            if 0 < measured < finished:
                notes.append(f"{cell.name}: {column} was measured in {measured} of {finished} finished runs.")
    if any(cell.uses_labels for cell in cells):
        notes.append(
            "* The training graph was built from labels: they leak into the refined branch during training. "
            "Graphs at test time never use labels."
        )
    if any(cell.selected_on_test for cell in cells):
        notes.append("# The epoch was chosen on the test classes: these numbers are optimistic.")
    return notes
