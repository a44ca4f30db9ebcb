"""From the bytes of an image file to RGB pixels, whatever the file holds."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from gnn_dml.data.bare import strip_descriptions
from gnn_dml.errors import UserError
from gnn_dml.prepare.formats import open_formats

TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa")

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns an image of each EXIF orientation upright."""


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
    """Decode an image of one of the formats in `gnn_dml.prepare.formats.FORMATS`, whatever its file is called.

    Grey, palette and CMYK images become RGB; transparent ones are laid on white; grey with 16 bits keeps its high byte.
    Of several frames the first counts. Damage beside the pixels (EXIF, XMP, a colour profile, comments) is passed over;
    where the orientation cannot be read, the image stays as it is stored.

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
        pixels = _decode_described(data, upright)
    except UnidentifiedImageError as error:
        raise UserError(f"cannot read the image {name}: it is in no image format that {_known()}") from error
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        said = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(f"cannot read the image {name}: {said}") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _known() -> str:
    lacking = [name for name in ("AVIF", "HEIF") if name not in open_formats()]
    return "is known here" + (f" (known are not {' and '.join(lacking)})" if lacking else "")


def _decode_described(data: bytes, upright: bool) -> npt.NDArray[np.uint8]:
    """The pixels of a file, without its descriptions if it cannot be read with them."""
    try:
        return _decode(data, upright)
    except Exception:
        bare = strip_descriptions(data)
        if bare is None:
            raise
        try:
            return _decode(bare, upright)
        except Exception:  # noqa: S110, RUF100 - the first error is the file's own
            pass
        raise


def _decode(data: bytes, upright: bool) -> npt.NDArray[np.uint8]:
    with warnings.catch_warnings():
        # Pillow warns of damage beside the pixels, such as EXIF data cut short; a line for each of thousands of
        # images would help nobody.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data), formats=open_formats()) as image:
            # Before anything beside the pixels is looked at, so that an error is one of the pixels.
            image.load()
            turn = TURNS.get(_orientation(image)) if upright else None
            return _rgb(image if turn is None else image.transpose(turn))


def _orientation(image: Image.Image) -> int:
    """As its EXIF or XMP data say; 1, as it is stored, where they say nothing or are damaged."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow raises almost anything on damaged data
        return 1
    return found if isinstance(found, int) else 1


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
