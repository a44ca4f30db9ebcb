"""Tables of a paper: cells x metrics with intervals and marks, for LaTeX (booktabs), Markdown, or as CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from gnn_dml.errors import UserError
from gnn_dml.results.names import is_figure, metric_name, scale_of
from gnn_dml.results.pairs import Section
from gnn_dml.results.sentences import points_of
from gnn_dml.results.summary import Summary
from gnn_dml.text import show_name

STYLES = ("latex", "markdown", "csv")

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}
_MARKS = {
    "latex": {"different": r"$^{*}$", "equivalent": r"$^{=}$"},
    "markdown": {"different": r"\*", "equivalent": "="},
}


def paper_table(summary: Summary, style: str) -> str:
    """The cells of a study in a table, the reference first, one for each section.

    Args:
        summary: Of a study.
        style: "latex", with the packages booktabs and, for letters of other scripts, a font that has them; "markdown";
            or "csv", one table with the numbers of cells.csv in columns: figures as fractions, `<metric>`,
            `<metric>_half_width` and `<metric>_verdict`.

    Returns:
        Text without a line break at its end.

    Raises:
        UserError: For another style, or when nothing was measured.
    """
    if style not in STYLES:
        raise UserError(f"there is no format {style!r}; there are {', '.join(STYLES)}")
    if not summary.metrics:
        raise UserError("no metric was measured: a table needs at least one")
    if style == "csv":
        return _csv(summary)
    make = _latex if style == "latex" else _markdown
    return "\n\n".join(make(summary, section) for section in summary.sections)


def escape_latex(text: str) -> str:
    r"""A text as LaTeX shows it.

    >>> escape_latex("same_class & 50 %")
    'same\\_class \\& 50 \\%'
    """
    return "".join(_LATEX.get(letter, letter) for letter in show_name(text))


def escape_markdown(text: str) -> str:
    r"""A text as a cell of a table in Markdown shows it.

    >>> escape_markdown("same_class | *")
    'same\\_class \\| \\*'
    """
    return "".join(f"\\{letter}" if letter in "\\`*_|<>[]#~$" else letter for letter in show_name(text))


def _latex(summary: Summary, section: Section) -> str:
    head = " & ".join(["Cell", "Seeds", *(escape_latex(_head(metric)) for metric in summary.metrics)])
    lines = [
        " & ".join([escape_latex(name), seeds, *values]) + r" \\"
        for name, seeds, *values in _body(summary, section, "latex")
    ]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{_caption(summary, section, 'latex')}}}",
            f"  \\begin{{tabular}}{{lr{'r' * len(summary.metrics)}}}",
            r"    \toprule",
            f"    {head} \\\\",
            r"    \midrule",
            *(f"    {line}" for line in lines),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )


def _markdown(summary: Summary, section: Section) -> str:
    head = ["cell", "seeds", *(escape_markdown(_head(metric)) for metric in summary.metrics)]
    body = [[escape_markdown(name), *rest] for name, *rest in _body(summary, section, "markdown")]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), "", _caption(summary, section, "markdown")])


def _body(summary: Summary, section: Section, style: str) -> list[list[str]]:
    """Name, seeds, and a number per metric; the reference first."""
    cells = sorted(section.cells, key=lambda cell: cell is not section.reference)
    own, against = _of_section(summary.cells, section), _of_section(summary.differences, section)
    lines = []
    for cell in cells:
        runs = len(cell)
        values = []
        for metric in summary.metrics:
            row = own[(own["cell"] == cell.name) & (own["metric"] == metric)]
            verdict = against.loc[(against["cell"] == cell.name) & (against["metric"] == metric), "verdict"]
            mark = _MARKS[style].get(str(verdict.iloc[0]), "") if len(verdict) else ""
            values.append(_number(row, metric, style) + mark)
        lines.append([cell.name, f"{runs - cell.diverged} of {runs}" if cell.diverged else str(runs), *values])
    return lines


def _number(row: pd.DataFrame, metric: str, style: str) -> str:
    if len(row) == 0 or row["n"].iloc[0] == 0:
        return "--" if style == "latex" else "-"
    digits = ".1f" if is_figure(metric) else ".3g"
    mean, half = (
        scale_of(metric) * float(x) for x in (row["mean"].iloc[0], row["ci_high"].iloc[0] - row["mean"].iloc[0])
    )
    if math.isnan(half):
        return f"{mean:{digits}}"
    sign = r"$\pm$" if style == "latex" else "±"
    return f"{mean:{digits}} {sign} {half:{digits}}"


def _head(metric: str) -> str:
    name = metric_name(metric)
    return f"{name[0].upper()}{name[1:]}"


def _caption(summary: Summary, section: Section, style: str) -> str:
    """What the numbers, intervals and marks are; the settings and data where there are several sections."""
    escape = escape_latex if style == "latex" else escape_markdown
    different, equivalent = _MARKS[style]["different"], _MARKS[style]["equivalent"]
    own, against = _of_section(summary.cells, section), _of_section(summary.differences, section)
    percent = "Percent; " if any(is_figure(metric) for metric in summary.metrics) else ""
    parts = [escape(f"{percent}mean ± half of the 95 % interval over {_seeds(own['n'].tolist())} (Student's t).")]
    compared = against[against["n"] > 1]
    if len(compared) and section.reference is not None:
        reference, count = section.reference.name, int(compared["comparisons"].iloc[0])
        parts.append(f"{different} {escape(f'different from {reference} (t-test paired by seed, 5 %)')};")
        near = f"equivalent within {points_of(summary.margin)} (two one-sided tests, 5 %)"
        parts.append(f"{equivalent} {escape(near)};")
        parts.append(
            escape(f"both after Holm over {count} comparison{'s' if count > 1 else ''}; unmarked: not settled.")
        )
    if any(cell.diverged for cell in section.cells):
        parts.append("Diverged seeds are left out.")
    if any(cell.uses_labels for cell in section.cells):
        names = ", ".join(cell.name for cell in section.cells if cell.uses_labels)
        parts.append(escape(f"Training graphs built from labels: {names}."))
    if any(cell.selected_on_test for cell in section.cells):
        names = ", ".join(cell.name for cell in section.cells if cell.selected_on_test)
        parts.append(escape(f"Epoch chosen on the test classes: {names}."))
    if len(summary.sections) > 1:
        overrides, dataset, split, _ = section.setting
        where = [part for part in (dataset, section.cells[0].data, split, overrides) if part]
        parts.insert(0, escape(f"{', '.join(where)}."))
    return " ".join(parts).replace("±", r"$\pm$") if style == "latex" else " ".join(parts)


def _seeds(counts: Sequence[int]) -> str:
    known = sorted({int(count) for count in counts if count > 0})
    if len(known) > 1:
        return f"{known[0]} to {known[-1]} seeds"
    return "1 seed" if known in ([], [1]) else f"{known[0]} seeds"


def _of_section(frame: pd.DataFrame, section: Section) -> pd.DataFrame:
    overrides, dataset, split, _ = section.setting
    same = (frame["overrides"] == overrides) & (frame["dataset"] == dataset) & (frame["split"] == split)
    return frame[same & (frame["data"] == show_name(section.cells[0].data))]


def _csv(summary: Summary) -> str:
    rows = []
    for section in summary.sections:
        own, against = _of_section(summary.cells, section), _of_section(summary.differences, section)
        for cell in sorted(section.cells, key=lambda cell: cell is not section.reference):
            row: dict[str, object] = {"cell": cell.name}
            row |= dict(zip(("overrides", "dataset", "split"), section.setting[:3], strict=True))
            row |= {"data": cell.data, "seeds": len(cell) - cell.diverged}
            for metric in summary.metrics:
                found = own[(own["cell"] == cell.name) & (own["metric"] == metric)]
                verdict = against.loc[(against["cell"] == cell.name) & (against["metric"] == metric), "verdict"]
                row[metric] = found["mean"].iloc[0] if len(found) else math.nan
                half = (found["ci_high"] - found["mean"]).iloc[0] if len(found) else math.nan
                row[f"{metric}_half_width"] = half
                named = "reference" if cell is section.reference else ""
                row[f"{metric}_verdict"] = verdict.iloc[0] if len(verdict) else named
            rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n").rstrip("\n")
