import io

import numpy as np
import pytest
from PIL import Image

from gnn_dml.errors import UserError
from gnn_dml.prepare.emoji.draw import draw, encode
from gnn_dml.prepare.emoji.icons import Icon, IconSet

LEFT_HALF = '<rect width="8" height="16" fill="#f00"/>'
RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def at(icon: Icon, row: int, column: int, size: int = 64) -> tuple[int, ...]:
    pixels = draw(icon, size)
    assert pixels.shape == (size, size, 3)
    return tuple(int(value) for value in pixels[row, column])


def test_an_icon_is_drawn_on_white() -> None:
    icon = Icon(LEFT_HALF, 0, 0, 16, 16)
    assert (at(icon, 32, 10), at(icon, 32, 50)) == (RED, WHITE)


def test_a_flip_and_a_turn() -> None:
    flipped = Icon(LEFT_HALF, 0, 0, 16, 16, hflip=True)
    assert (at(flipped, 32, 10), at(flipped, 32, 50)) == (WHITE, RED)
    turned = Icon(LEFT_HALF, 0, 0, 16, 16, rotate=1)
    assert (at(turned, 10, 50), at(turned, 50, 50)) == (RED, WHITE)
    upside = Icon('<rect width="16" height="8" fill="#f00"/>', 0, 0, 16, 16, vflip=True)
    assert (at(upside, 10, 32), at(upside, 50, 32)) == (WHITE, RED)


def test_the_colour_of_the_text_is_black() -> None:
    assert at(Icon('<rect width="16" height="16" fill="currentColor"/>', 0, 0, 16, 16), 32, 32) == BLACK


def test_a_wide_icon_stands_in_the_middle_of_a_square() -> None:
    icon = Icon('<rect x="-4" y="2" width="32" height="16" fill="#f00"/>', -4, 2, 32, 16)
    assert [at(icon, row, 1) for row in (8, 20, 44, 56)] == [WHITE, RED, RED, WHITE]
    assert at(icon, 32, 62) == RED


def test_an_icons_own_box_goes_before_the_sets() -> None:
    raw = {
        "width": 32,
        "height": 32,
        "icons": {"a": {"body": "A", "height": 20}, "b": {"body": "B", "left": 3}},
        "aliases": {"c": {"parent": "a", "hFlip": True}, "d": {"parent": "c", "hFlip": True}, "e": {"parent": "e"}},
    }
    icons = IconSet("v", raw, {})
    assert icons.icon("a") == Icon("A", 0, 0, 32, 20)
    assert icons.icon("b") == Icon("B", 3, 0, 32, 32)
    assert icons.icon("c") == Icon("A", 0, 0, 32, 20, hflip=True)
    assert icons.icon("d") == Icon("A", 0, 0, 32, 20, hflip=False)
    assert icons.icon("e") is None


def test_a_body_that_is_no_svg_is_a_clear_error() -> None:
    with pytest.raises(UserError, match="cannot draw"):
        draw(Icon("<rect", 0, 0, 16, 16), 64)


def decoded(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def test_few_colours_are_kept_exactly() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 3), dtype=np.uint8)[np.arange(4096) % 64]
    pixels = pixels.reshape(64, 64, 3)
    np.testing.assert_array_equal(np.asarray(decoded(encode(pixels)).convert("RGB")), pixels)


def test_many_colours_become_64_and_stay_near() -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    pixels = np.stack([np.tile(ramp, (64, 1)), np.tile(ramp[:, None], (1, 64)), np.full((64, 64), 90, np.uint8)], 2)
    image = decoded(encode(pixels))
    assert image.mode == "P"
    colours = image.convert("RGB").getcolors(10_000)
    assert colours is not None
    assert 32 < len(colours) <= 64
    assert np.abs(np.asarray(image.convert("RGB")).astype(int) - pixels).mean() < 12
