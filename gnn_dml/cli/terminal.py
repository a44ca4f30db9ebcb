"""What is printed: any text on any terminal, and a reader that has gone ends nothing."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gnn_dml.text import show_text

_BARS = re.compile(r"(\r|\x1b\[A)")
"""Codes by which a progress bar goes back to the start of its line, and to the one above."""


class Shown:
    """A stream that escapes what its terminal would obey or cannot encode.

    Args:
        stream: Where to; None where the program was started without.
        bars: Whether progress bars are drawn there, by codes that are then left as they are.

    Attributes:
        fault: Why the text could not be written, if it could not; what comes later is dropped.
    """

    def __init__(self, stream: Any, *, bars: bool = False) -> None:
        self._stream = stream
        self._bars = bars
        self.fault: OSError | None = None
        self._gone = stream is None

    def write(self, text: str) -> int:
        """Write it."""
        parts = _BARS.split(text) if self._bars else [text]
        shown = "".join(part if self._bars and _BARS.fullmatch(part) else show_text(part) for part in parts)
        self._try("write", _encodable(shown, self._stream))
        return len(text)

    def flush(self) -> None:
        """Send what is held back."""
        self._try("flush")

    def isatty(self) -> bool:
        """Whether somebody watches."""
        return not self._gone and bool(self._stream.isatty())

    def _try(self, name: str, *arguments: str) -> None:
        if self._gone:
            return
        try:
            getattr(self._stream, name)(*arguments)
        except BrokenPipeError:  # whoever read has gone, for instance `head`; the work goes on
            self._drop()
        except OSError as error:
            self.fault = error
            self._drop()

    def _drop(self) -> None:
        """Send this and what Python itself would still write to nowhere."""
        self._gone = True
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _encodable(text: str, stream: Any) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return text


@contextmanager
def shown() -> Iterator[Shown]:
    """Let everything that is printed inside go through `Shown`; what comes is standard output."""
    before = sys.stdout, sys.stderr
    out = Shown(sys.stdout)
    sys.stdout, sys.stderr = out, Shown(sys.stderr, bars=True)
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = before
