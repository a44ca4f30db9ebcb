"""From an icon to pixels and to a small PNG."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gnn_dml.errors import UserError
from gnn_dml.prepare.emoji.icons import Icon

COLOURS = 64


def svg(icon: Icon) -> str:
    """The icon as an SVG document on a square canvas, drawn in black where it takes the text's colour."""
    side = max(icon.width, icon.height)
    centre_x, centre_y = icon.left + icon.width / 2, icon.top + icon.height / 2
    flip = f"scale({-1 if icon.hflip else 1} {-1 if icon.vflip else 1})"
    turn = f"rotate({90 * icon.rotate})"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{side:g}" height="{side:g}" viewBox="{-side / 2:g} {-side / 2:g} {side:g} {side:g}">'
        f'<g transform="{turn} {flip} translate({-centre_x:g} {-centre_y:g})">'
        f"{icon.body.replace('currentColor', '#000')}</g></svg>"
    )


def draw(icon: Icon, size: int) -> NDArray[np.uint8]:
    """The icon on white: uint8 (size, size, 3).

    Raises:
        UserError: If resvg-py is missing or cannot draw the icon.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise UserError("drawing emoji needs the package resvg-py: pip install 'gnn-dml[data]'") from error
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=svg(icon), width=size, height=size, background="white", skip_system_fonts=True
        )
    except ValueError as error:
        raise UserError(f"resvg-py cannot draw an icon: {error}") from error
    with Image.open(io.BytesIO(bytes(png))) as image:
        return np.asarray(image.convert("RGB"))


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG with a palette of at most 64 colours; what has no more colours than that is kept exactly."""
    image = Image.fromarray(pixels)
    few = image.getcolors(COLOURS)
    method = Image.Quantize.MAXCOVERAGE if few else Image.Quantize.MEDIANCUT
    reduced = image.quantize(COLOURS, method=method, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    reduced.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
