"""Words of the user's in pictures: fonts that have their letters, or the letters escaped where no font has them."""

import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from matplotlib import font_manager

from gnn_dml.text import show_text

MAIN = "DejaVu Sans"
"""The font that comes with matplotlib."""


def drawable(text: str) -> tuple[str, list[str]]:
    """A text as it can be drawn, and the fonts that it takes together, the main one first.

    Letters that no installed font has are escaped as in a string of Python.

    Args:
        text: Of any script, perhaps of several lines.
    """
    families, shown = [MAIN], []
    for letter in show_text(text):
        family = MAIN if letter == "\n" else _family(letter)
        shown.append(letter if family is not None else _escaped(letter))
        if family is not None and family not in families:
            families.append(family)
    return "".join(shown), families


@contextmanager
def quiet() -> Iterator[None]:
    """Draw without the library's words about letters, which are replaced where they have to be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _escaped(letter: str) -> str:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):  # drawn over its neighbour, or not at all
        return ""
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@lru_cache(maxsize=4096)
def _family(letter: str) -> str | None:
    """The first font that has a letter; None if there is none."""
    if ord(letter) in _letters(_main_file()):
        return MAIN
    for name, file in _others():
        if ord(letter) in _letters(file):
            return name
    return None


@lru_cache(maxsize=1)
def _main_file() -> str:
    return str(font_manager.findfont(MAIN))


@lru_cache(maxsize=1)
def _others() -> tuple[tuple[str, str], ...]:
    """Name and file of every upright font of ordinary weight."""
    fonts: dict[str, str] = {}
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        if "last resort" in font.name.lower() or "lastresort" in font.name.lower():
            continue  # has a box for every letter
        if font.name != MAIN and font.style == "normal" and font.weight in (400, "normal", "regular", "book"):
            fonts.setdefault(font.name, font.fname)
    return tuple(fonts.items())


@lru_cache(maxsize=512)
def _letters(file: str) -> frozenset[int]:
    """The letters of a font; none of one that matplotlib cannot draw."""
    try:
        font = font_manager.get_font(file)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):
        return frozenset()
