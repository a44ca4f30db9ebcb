"""Words of any script in pictures: with a font that has them, or escaped; without a warning."""

import io
import warnings

import pytest
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gnn_dml.results.glyphs import MAIN, drawable

WORDS = [
    "plain",
    "日本語",
    "Ελληνικά",
    "עברית",
    "कुत्ता",
    "😀",
    "1.5_inch",
    "caf\udce9",
    "\x1b[2J",
    "a\u200bb",
    "\U0010fffd",
    "e\u0301",
]


def _file(family):
    return font_manager.findfont(font_manager.FontProperties(family=[family]))


@pytest.mark.parametrize("word", WORDS)
def test_every_word_can_be_drawn_without_a_warning(word):
    shown, families = drawable(word)
    figure = Figure()
    FigureCanvasAgg(figure)
    figure.text(0, 0, shown, family=families, parse_math=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize("word", WORDS)
def test_every_letter_is_in_one_of_the_fonts(word):
    shown, families = drawable(word)
    known = set()
    for family in families:
        known |= set(font_manager.get_font(_file(family)).get_charmap())
    assert {ord(letter) for letter in shown if letter != "\n"} <= known
    assert families[0] == MAIN


def test_what_the_main_font_has_stays_and_what_none_has_is_escaped():
    assert drawable("Vögel & Ελλάδα\nжизнь ✓") == ("Vögel & Ελλάδα\nжизнь ✓", [MAIN])
    assert drawable("a\U0010fffdb")[0] == r"a\U0010fffdb"
