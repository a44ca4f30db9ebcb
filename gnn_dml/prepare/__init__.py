"""Getting the benchmarks: their cards, download, safe extraction, and a look at every image. No torch is needed."""

from gnn_dml.prepare.card import Card as Card
from gnn_dml.prepare.card import Source as Source
from gnn_dml.prepare.cards import find_card as find_card
from gnn_dml.prepare.cards import find_cards as find_cards
from gnn_dml.prepare.content import content_of as content_of
from gnn_dml.prepare.download import download as download
from gnn_dml.prepare.extract import extract as extract
from gnn_dml.prepare.prepare import prepare as prepare
