"""The text table of a study: one line per cell, in percent, over seeds."""

from collections import Counter
from collections.abc import Sequence
from textwrap import fill

import pandas as pd

from gnn_dml.errors import UserError
from gnn_dml.results.cells import Cell, cells_of
from gnn_dml.results.footnotes import data_notes, failed_notes, machine_notes, shared_notes
from gnn_dml.results.intervals import Interval, t_interval

METRICS = ("recall@1", "map@r")
BRANCHES = ("backbone", "expanded", "refined")
WIDTH = 110
SHORT = {"recall": "R", "map": "MAP", "r_precision": "R-prec.", "nmi": "NMI", "ami": "AMI"}


def table(frame: pd.DataFrame, *, metrics: Sequence[str] = METRICS) -> str:
    """Print a study as text, at most 110 columns wide with two metrics.

    Args:
        frame: Rows as `collect` returns them.
        metrics: Scores without a branch. Each is shown for every embedding that was measured, and where there are
            refined ones, in a table of its own as the difference to the others of the same weights.

    Returns:
        The tables, with one section per setting when the frame holds several, and footnotes.

    Raises:
        UserError: When a metric is not in the frame.
    """
    failed = failed_notes(frame)
    if len(frame) and frame["status"].eq("failed").all():
        raise UserError(f"every run has failed. {failed[0]}")
    for metric in metrics:
        if f"backbone_{metric}" not in frame:
            known = [str(name)[9:] for name in frame.columns if str(name).startswith("backbone_")]
            raise UserError(f"no metric {metric!r} in these results; there are {', '.join(known) or 'none'}")
    cells = cells_of(frame)
    if not cells or not metrics:
        raise UserError("a table needs at least one row and one metric")
    shown = [name for name in BRANCHES if any(cell.by_seed(f"{name}_{metrics[0]}") for cell in cells)]
    shown = shown or ["backbone"]
    columns = [(metric, branch) for metric in metrics for branch in shown]
    lines: list[str] = []
    several = len({cell.setting[3] for cell in cells}) > 1
    for setting in dict.fromkeys(cell.setting for cell in cells):
        inside = [cell for cell in cells if cell.setting == setting]
        where = inside[0].data if several else ""
        title = "  ".join(part for part in (setting[1], where, setting[2], setting[0]) if part)
        lines += [fill(title, WIDTH), ""] if title else []
        head = ["cell", "seeds", *(f"{_short(metric)} {branch}" for metric, branch in columns), "seconds"]
        lines += _grid(head, [[_label(cell), _seeds(cell), *_numbers(cell, columns)] for cell in inside])
        lines += _differences(inside, metrics, shown)
    return "\n".join(
        [*lines, *(fill(note, WIDTH, subsequent_indent="  ") for note in [*_notes(cells, metrics), *failed])]
    )


def _grid(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, with a blank one after it; a name of two words takes two lines of the head."""
    tops, names = zip(*(_two_lines(name) for name in head), strict=True)
    rows = [tops, names] if any(tops) else [names]
    widths = [max(len(line[i]) for line in [*rows, *body]) for i in range(len(head))]
    widths[0] = min(widths[0], max(12, WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1)))
    rule = _line(["-" * width for width in widths], widths)
    return [*(_line(row, widths) for row in rows), rule, *(_line(line, widths) for line in body), ""]


def _two_lines(name: str) -> tuple[str, str]:
    first, _, second = name.partition(" ")
    return (first, second) if second else ("", first)


def _differences(cells: Sequence[Cell], metrics: Sequence[str], branches: Sequence[str]) -> list[str]:
    """The refined embedding minus the others of the same weights, cell by cell; nothing where there is none."""
    others = [branch for branch in branches if branch != "refined"]
    pairs = [(metric, other) for metric in metrics for other in others]
    refined = [cell for cell in cells if cell.by_seed(f"refined_{metrics[0]}")]
    if not refined:
        return []
    body = [[_label(cell), *(_difference(cell, metric, other) for metric, other in pairs)] for cell in refined]
    head = ["cell", *(f"{_short(metric)} - {other}" for metric, other in pairs)]
    return ["The refined embedding minus another of the same weights, in points:", "", *_grid(head, body)]


def _difference(cell: Cell, metric: str, other: str) -> str:
    one, another = cell.by_seed(f"refined_{metric}"), cell.by_seed(f"{other}_{metric}")
    return _percent(t_interval([value - another[seed] for seed, value in one.items() if seed in another]), sign="+")


def _short(metric: str) -> str:
    stem, at, rest = metric.partition("@")
    return SHORT.get(stem, stem) + at + rest.upper()


def _label(cell: Cell) -> str:
    marks = ("*" if cell.uses_labels else "") + ("#" if cell.selected_on_test else "")
    return f"{cell.name} {marks}" if marks else cell.name


def _seeds(cell: Cell) -> str:
    runs = len(cell)
    return f"{runs - cell.diverged} of {runs}" if cell.diverged else str(runs)


def _numbers(cell: Cell, columns: Sequence[tuple[str, str]]) -> list[str]:
    columns_of = [f"{branch}_{metric}" for metric, branch in columns]
    values = [_percent(t_interval(list(cell.by_seed(name).values()))) for name in columns_of]
    seconds = t_interval(list(cell.by_seed("seconds").values()))
    return [*values, f"{seconds.mean:.{0 if seconds.mean >= 10 else 1}f}" if seconds.n else "-"]


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
    notes = ["Percent; seconds = mean time of a run."]
    if any(len(cell) - cell.diverged > 1 for cell in cells):
        notes.append("± is half the 95 % confidence interval of the mean over seeds (Student's t).")
    if any(len(cell) - cell.diverged == 1 for cell in cells):
        notes.append("A row of one seed has no interval: how far another seed would move it is not known.")
    if any(cell.diverged for cell in cells):
        notes.append("Seeds such as 2 of 3: the others diverged. They are left out of the means, not counted as zero.")
    for cell in cells:
        finished = len(cell) - cell.diverged
        for column in (f"{branch}_{metrics[0]}" for branch in BRANCHES):
            measured = len(cell.by_seed(column))
            if 0 < measured < finished:
                notes.append(f"{cell.name}: {column} was measured in {measured} of {finished} finished runs.")
    if any(cell.by_seed(f"expanded_{metrics[0]}") for cell in cells):
        notes.append(
            "expanded: each embedding of the backbone moved towards its nearest neighbours, with nothing learned; how "
            "far was chosen on the validation classes. It is the bar for refined ones."
        )
    notes += [*data_notes(cells), *machine_notes(cells), *shared_notes(cells), *_graph_notes(cells)]
    if any(cell.uses_labels for cell in cells):
        notes.append(
            "* The training graph was built from labels: they leak into the refined branch during training. "
            "Graphs at test time never use labels."
        )
    if any(cell.selected_on_test for cell in cells):
        notes.append("# The epoch was chosen on the test classes: these numbers are optimistic.")
    return notes


def _graph_notes(cells: Sequence[Cell]) -> list[str]:
    """What keeps a cell from saying something about its graph, and in how many of its runs."""
    notes = []
    for cell in cells:
        for note, count in Counter(filter(None, cell.text("graph_note"))).items():
            times = "" if count == len(cell) else f" ({count} of {len(cell)} runs)"
            notes.append(f"{cell.name}: {note}{times}.")
    return notes
