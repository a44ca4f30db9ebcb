"""Members of a data file, read within bounds: a few kilobytes of a zip can unfold to gigabytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from gnn_dml.errors import UserError
from gnn_dml.prepare.look import is_file

LARGEST_TEXT = 64 * 2**20
LARGEST_IMAGE = 2**22
"""Bytes of a member."""
LARGEST_SIDE = 1024
"""Pixels."""
LARGEST_WHOLE = 4 * 2**30
"""Bytes of all pixels together."""


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A data file, open for reading.

    Raises:
        UserError: If there is none, or it is no zip.
    """
    if not is_file(path):
        raise UserError(f"there is no file {path}; an emoji data file is a zip with index.csv in it")
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # a damaged zip raises almost anything
        raise UserError(f"{path} is no emoji data file: {error or type(error).__name__}") from error
    with archive:
        yield archive


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """The content of a member.

    Raises:
        UserError: If there is none of that name, it is damaged or encrypted, or holds more than `most` bytes.
    """
    try:
        info = archive.getinfo(name)
        if info.file_size > most:
            raise UserError(f"{name} would unfold to {info.file_size:,} bytes, and {most:,} are the most")
        return archive.read(info)
    except UserError:
        raise
    except KeyError as error:
        raise UserError(f"{name} is missing") from error
    except Exception as error:  # a damaged zip raises almost anything
        raise UserError(f"{name} cannot be read: {error or type(error).__name__}") from error


def read_pixels(archive: zipfile.ZipFile, name: str) -> npt.NDArray[np.uint8]:
    """The pixels (h, w, 3) of a PNG.

    Raises:
        UserError: If it cannot be read or is larger than 1024 x 1024.
    """
    data = read_member(archive, name, LARGEST_IMAGE)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if max(image.size) > LARGEST_SIDE:
                raise UserError(
                    f"{name} has {image.size[0]} x {image.size[1]} pixels, and a side has {LARGEST_SIDE} at the most"
                )
            return np.asarray(image.convert("RGB"))
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"{name} cannot be read: it is no PNG") from error
    except Exception as error:  # a damaged image makes Pillow raise almost anything
        raise UserError(f"{name} cannot be read: {error or type(error).__name__}") from error
