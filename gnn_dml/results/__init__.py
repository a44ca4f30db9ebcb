"""What finished runs say: collect their rows, print them, compare them over seeds, draw them.

This room only reads files that runs have written. It imports none of the other rooms and no torch, so results
can be looked at on a machine that could never train.
"""

from gnn_dml.results.cells import Cell, cells_of
from gnn_dml.results.collect import collect
from gnn_dml.results.compare import cautions, compare
from gnn_dml.results.gallery import figure_gallery, gallery
from gnn_dml.results.merge import collect_studies
from gnn_dml.results.merged_report import report_runs
from gnn_dml.results.paper import paper_table
from gnn_dml.results.plot import figure_recall, plot_recall
from gnn_dml.results.report import Report, write_report
from gnn_dml.results.summary import Summary, summarise
from gnn_dml.results.table import table

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
