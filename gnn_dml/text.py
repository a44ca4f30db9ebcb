"""Text of the user's: paths as they are typed, and names as any terminal, file or picture can show them."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Control characters, what turns the direction of writing, line and paragraph separators, and the bytes of a file name
# that is not UTF-8, which Python holds as lone surrogates.
_UNSEEN = "\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff"
_NAME = re.compile(f"[{_UNSEEN}]")
_TEXT = re.compile(f"(?![\\t\\n])[{_UNSEEN}]")


def typed_path(text: str | os.PathLike[str]) -> Path:
    """A path as typed, with `~` at its front as the home folder; a folder that is called `~` is typed as `./~`.

    >>> typed_path("runs/~") == Path("runs/~")
    True
    """
    # Not Path.expanduser, for which ./~ is ~ already.
    return Path(os.path.expanduser(text))  # noqa: PTH111


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether something is there; False, too, for what can be no name of a file."""
    try:
        return os.path.exists(path)  # noqa: PTH110 - unlike Path.exists it takes a name that is too long
    except ValueError:  # a zero byte
        return False


def show_name(name: str) -> str:
    r"""A name on one line: what a terminal would obey is escaped, and so are bytes of a name that is not UTF-8.

    >>> show_name("V\u00f6gel"), show_name("caf\udce9"), show_name("a\x1b[2Jb")
    ('Vögel', 'caf\\xe9', 'a\\x1b[2Jb')
    """
    return _NAME.sub(_escape, name)


def show_text(text: str) -> str:
    """As `show_name`, for text of several lines."""
    if text.isascii() and text.isprintable():  # nearly every text, sooner than by looking for what is not
        return text
    return _TEXT.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
