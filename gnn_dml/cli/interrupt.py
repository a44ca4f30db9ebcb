"""Ctrl-C: it ends the program soon, and it is never lost.

Python raises KeyboardInterrupt wherever it stands. Raised while memory is collected it is dropped, and a library may
turn it into an error of its own. So it is also remembered: whoever goes from one batch or one run to the next looks
here. Files are written whole or not at all, so it may come at any moment.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

EXIT_CODE = 130
_asked = False


def was_asked() -> bool:
    """Whether Ctrl-C was pressed since `watch` began."""
    return _asked


def check() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed and its own was lost."""
    if _asked:
        raise KeyboardInterrupt


@contextmanager
def watch() -> Iterator[None]:
    """Remember Ctrl-C inside; a second one ends the process at once."""
    global _asked
    _asked, owner = False, os.getpid()
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is told of signals
        return

    def handle(number: int, frame: FrameType | None) -> None:
        global _asked
        if os.getpid() != owner:
            return  # a process that loads images: this one ends it
        if _asked:
            os._exit(EXIT_CODE)
        _asked = True
        raise KeyboardInterrupt

    def drop(lost: Any) -> None:
        if not (lost.exc_type and issubclass(lost.exc_type, KeyboardInterrupt)):
            unraisable(lost)

    before, unraisable = signal.signal(signal.SIGINT, handle), sys.unraisablehook
    sys.unraisablehook = drop
    try:
        yield
    finally:
        sys.unraisablehook = unraisable
        signal.signal(signal.SIGINT, before)
