"""Every kind of pixels that an image file holds, against what Pillow was given to write."""

import contextlib
import io
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gnn_dml.data.decode import decode, read_image
from gnn_dml.errors import UserError


def content(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def pixels(tensor):
    assert tensor.dtype == torch.uint8
    assert tensor.size(0) == 3
    return tensor.permute(1, 2, 0).numpy()


@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 99))
def test_rgb_comes_through(height, width, seed):
    levels = noise(height, width, 3, seed=seed)
    assert np.array_equal(pixels(decode(content(Image.fromarray(levels), "PNG"), "x")), levels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(orientation):
    """By the definition of EXIF: where row 0 and column 0 of the stored image are seen."""
    stored = noise(4, 6, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: stored.transpose(1, 0, 2)[:, ::-1],
        7: stored.transpose(1, 0, 2)[::-1, ::-1],
        8: stored.transpose(1, 0, 2)[::-1],
    }[orientation]
    assert np.array_equal(pixels(decode(content(Image.fromarray(stored), "PNG", exif=exif), "x")), seen)


def test_grey_bits_and_palettes():
    grey = noise(5, 7)
    three = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(pixels(decode(content(Image.fromarray(grey), "PNG"), "x")), three)
    bits = Image.fromarray(grey).convert("1", dither=Image.Dither.NONE)
    assert set(pixels(decode(content(bits, "PNG"), "x")).ravel()) == {0, 255}
    palette = Image.fromarray(noise(5, 7, 3)).quantize(8)
    expected = np.array(palette.getpalette()).reshape(-1, 3)[np.array(palette)]
    for form in ("PNG", "GIF"):
        assert np.array_equal(pixels(decode(content(palette, form), "x")), expected)


def test_what_is_transparent_is_laid_on_white():
    levels = noise(5, 7, 4)
    opacity = levels[..., 3:] / 255
    expected = levels[..., :3] * opacity + 255 * (1 - opacity)
    assert np.abs(pixels(decode(content(Image.fromarray(levels), "PNG"), "x")) - expected).max() <= 1
    grey = noise(5, 7, 2)
    expected = grey[..., 0] * (grey[..., 1] / 255) + 255 - grey[..., 1]
    for channel in range(3):
        found = pixels(decode(content(Image.fromarray(grey, "LA"), "PNG"), "x"))[..., channel]
        assert np.abs(found - expected).max() <= 1
    palette = Image.fromarray(noise(5, 7, 3)).quantize(8)
    found = pixels(decode(content(palette, "PNG", transparency=3), "x"))
    assert (found[np.array(palette) == 3] == 255).all()
    known = np.array(palette.getpalette()).reshape(-1, 3)[np.array(palette)]
    assert np.array_equal(found[np.array(palette) != 3], known[np.array(palette) != 3])


def test_sixteen_bits_keep_the_high_byte():
    levels = np.random.default_rng(0).integers(0, 2**16, (5, 7)).astype(np.uint16)
    for form in ("PNG", "TIFF"):
        found = pixels(decode(content(Image.fromarray(levels), form), "x"))
        assert np.array_equal(found, np.repeat((levels // 256)[..., None], 3, axis=2))


def test_four_inks():
    """Pillow writes CMYK JPEGs the way Adobe does, inverted; plain ink on paper must come out in its colour."""
    for ink, colour in (((255, 0, 0, 0), (0, 255, 255)), ((0, 0, 0, 255), (0, 0, 0)), ((0, 0, 0, 0), (255, 255, 255))):
        found = pixels(decode(content(Image.new("CMYK", (16, 16), ink), "JPEG", quality=95), "x"))
        assert np.abs(found.astype(int) - colour).max() <= 4


def test_the_first_of_several_frames_counts():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime")]
    data = content(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.array_equal(pixels(decode(data, "x"))[0, 0], (255, 0, 0))


def test_what_is_returned_may_be_written_to():
    image = decode(content(Image.new("RGB", (4, 4)), "PNG"), "x")
    image += 1
    assert (image == 1).all()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"no image at all", "in no image format"),
        (content(Image.fromarray(noise(64, 64, 3)), "JPEG")[:-300], "truncated"),
        (content(Image.fromarray(noise(64, 64, 3)), "PNG")[:-3000], "."),
        (content(Image.fromarray(np.ones((3, 3), np.float32)), "TIFF"), "floating-point"),
        (content(Image.fromarray(np.full((3, 3), 70000, np.int32)), "TIFF"), "grey levels go from 70000"),
    ],
    ids=["empty", "text", "jpeg", "png", "float", "int32"],
)
def test_what_cannot_be_read_is_named(data, said):
    with pytest.raises(UserError, match=rf"cannot read the image a bird\.jpg: .*{said}"):
        decode(data, "a bird.jpg")


def test_damage_beside_the_pixels_is_passed_over(recwarn):
    """EXIF data that end early: the image is read, and nothing is printed."""
    cut_short = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"
    assert decode(content(Image.new("RGB", (6, 4), "red"), "JPEG", exif=cut_short), "x").shape == (3, 4, 6)
    assert not list(recwarn)


def test_so_many_pixels_are_an_attack():
    bomb = content(Image.new("1", (20000, 10000)), "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UserError, match=r"cannot read the image x: .*decompression bomb"):
            decode(bomb, "x")


def test_files_that_cannot_be_opened_are_named(tmp_path):
    for path, said in ((tmp_path / "no.jpg", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UserError, match=f"cannot read the image {path}: {said}"):
            read_image(path)


@given(st.binary(max_size=300), st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"]), st.integers(0, 400))
def test_damage_of_any_kind_is_one_sentence(noise_bytes, form, place):
    """Whatever is written over a file, it is decoded or refused with a UserError."""
    data = bytearray(content(Image.new("RGB", (20, 20), "red"), form))
    data[place : place + len(noise_bytes)] = noise_bytes
    with contextlib.suppress(UserError):
        assert decode(bytes(data), "x").size(0) == 3
