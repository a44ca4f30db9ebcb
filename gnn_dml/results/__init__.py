"""What finished runs say: collect their rows, print them, compare them over seeds, draw them.

This room only reads files that runs have written. It imports none of the other rooms and no torch, so results
can be looked at on a machine that could never train. Names that draw load matplotlib when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gnn_dml.results.cells import Cell, cells_of
from gnn_dml.results.collect import collect
from gnn_dml.results.compare import cautions, compare
from gnn_dml.results.merge import collect_studies
from gnn_dml.results.merged_report import report_runs
from gnn_dml.results.paper import paper_table
from gnn_dml.results.report import Report, write_report
from gnn_dml.results.summary import Summary, summarise
from gnn_dml.results.table import table

if TYPE_CHECKING:
    from gnn_dml.results.plot import figure_recall, plot_recall
    from gnn_dml.results.query_pictures import figure_gallery, gallery

_PICTURES = {
    "figure_gallery": "query_pictures",
    "figure_recall": "plot",
    "gallery": "query_pictures",
    "plot_recall": "plot",
}

__all__ = [
    "Cell",
    "Report",
    "Summary",
    "cautions",
    "cells_of",
    "collect",
    "collect_studies",
    "compare",
    "figure_gallery",
    "figure_recall",
    "gallery",
    "paper_table",
    "plot_recall",
    "report_runs",
    "summarise",
    "table",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _PICTURES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PICTURES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
