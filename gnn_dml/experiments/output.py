"""Where a command is to read and to write, looked at before it computes anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gnn_dml.errors import UserError
from gnn_dml.text import exists

LONGEST_NAME = 255
"""Bytes of a file name, on the file systems of today."""


def check_output(option: str, path: Path, suffixes: Sequence[str], *, replace: bool = True) -> Path:
    """The path, if a file can be written there.

    Args:
        option: Of the command line, for messages.
        path: The file; missing folders are made when it is written.
        suffixes: That it may have.
        replace: Whether an existing file may be replaced.

    Raises:
        UserError: If it cannot.
    """
    if path.suffix not in suffixes:
        raise UserError(f"{option} {path} must be a {' or '.join(suffixes)} file")
    if exists(path) and path.is_dir():
        raise UserError(f"{option} {path} is a folder; name a file in it")
    if exists(path) and not replace:
        raise UserError(f"{option} {path} exists already; add --force to replace it")
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise UserError(f"{option} {path} has a name of more than {LONGEST_NAME} bytes")
    folder = next(parent for parent in path.absolute().parents if exists(parent))
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(f"{option} {path} cannot be written: {folder} is no folder that you can write to")
    return path


def check_input(option: str, path: Path) -> Path:
    """The path, if there is a file to read.

    Raises:
        UserError: If there is none.
    """
    if not (exists(path) and path.is_file()):
        raise UserError(f"{option} {path}: there is no such file")
    return path
