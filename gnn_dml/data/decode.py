"""From the bytes of an image file to RGB pixels, whatever the file holds."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from gnn_dml.errors import UserError

TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")


def read_image(path: Path, *, upright: bool = True) -> Tensor:
    """Read an image file; see `decode`.

    Raises:
        UserError: If it is missing or cannot be decoded; the message names it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the image {path}: {error.strerror or error}") from error
    return decode(data, str(path), upright=upright)


def decode(data: bytes, name: str, *, upright: bool = True) -> Tensor:
    """Decode an image of any format that Pillow knows.

    Grey, palette and CMYK images become RGB; transparent ones are laid on white; grey
    with 16 bits keeps its high byte. Of several frames the first counts.

    Args:
        data: The content of the file.
        name: Of the image, for messages.
        upright: Turn the image as its EXIF orientation says; False leaves the pixels as they are stored.

    Returns:
        uint8 (3, h, w), laid out in memory with the channels last.

    Raises:
        UserError: If it cannot be decoded whole, has pixels of a kind that has no range (floating point), or so many of
            them that Pillow takes it for an attack.
    """
    if not data:
        raise UserError(f"cannot read the image {name}: the file is empty")
    try:
        with warnings.catch_warnings():
            # Pillow warns of damage beside the pixels, such as EXIF data cut short; a line for each of thousands of
            # images would help nobody.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                pixels = _rgb(_upright(image) if upright else image)
    except UnidentifiedImageError as error:
        raise UserError(f"cannot read the image {name}: it is in no image format that Pillow knows") from error
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise UserError(f"cannot read the image {name}: {error}") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says; the image itself where nothing is to be done."""
    if image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
        return image
    return ImageOps.exif_transpose(image)


def _rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    """The pixels (h, w, 3)."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, whose range is not known")
    if image.mode.startswith("I"):
        return _from_integers(np.asarray(image))
    if image.mode in TRANSPARENT or "transparency" in image.info:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        image = Image.alpha_composite(white, seen)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _from_integers(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """16-bit grey (h, w) to 8 bits of three equal channels; Pillow itself would clip at 255."""
    if values.size and not (int(values.min()) >= 0 and int(values.max()) < 2**16):
        raise ValueError(f"its grey levels go from {values.min()} to {values.max()}, and 0 to 65535 can be read")
    grey = (values.astype(np.uint16) >> 8).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
