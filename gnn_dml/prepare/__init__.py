"""Getting the benchmarks: their cards, download, safe extraction, and a look at every image. No torch is needed."""

from gnn_dml.prepare.cards import CARDS, Card, Source
from gnn_dml.prepare.download import download
from gnn_dml.prepare.extract import extract
from gnn_dml.prepare.prepare import prepare

__all__ = ["CARDS", "Card", "Source", "download", "extract", "prepare"]
