import io

import pytest
from PIL import Image

from gnn_dml.data.decode import decode
from gnn_dml.errors import UserError
from gnn_dml.prepare.formats import FORMATS, PLUG_INS, image_suffixes, is_image_name, open_formats, why_no_image


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".mpo", ".jp2", ".j2k", ".apng", ".tga", ".pnm", ".dib", ".WebP"])
def test_every_suffix_of_a_named_format_counts(suffix):
    assert is_image_name(f"photo{suffix}")
    assert not is_image_name(f".photo{suffix}")


@pytest.mark.parametrize("suffix", [".ps", ".eps", ".wmf", ".emf", ".pdf", ".fits", ".h5", ".mpg", ".svg", ".txt", ""])
def test_other_formats_do_not(suffix):
    assert not is_image_name(f"photo{suffix}")
    assert suffix.lstrip(".") in why_no_image(f"photo{suffix}")


def test_only_what_can_be_opened_here_counts():
    assert set(open_formats()) <= set(FORMATS)
    known = Image.registered_extensions()
    assert {known[suffix] for suffix in image_suffixes()} <= {*open_formats(), "MPO"}
    for suffix, plug_in in PLUG_INS.items():
        if suffix not in image_suffixes():
            assert why_no_image(f"IMG_1{suffix.upper()}") == f"{suffix}: install {plug_in} to open them"


@pytest.mark.parametrize("form", ["EPS", "PDF", "IM", "MSP", "SPIDER", "XBM"])
def test_no_other_format_is_opened_whatever_its_file_is_called(form):
    buffer = io.BytesIO()
    mode = {"MSP": "1", "XBM": "1", "SPIDER": "F"}.get(form, "RGB")
    Image.new(mode, (8, 8)).save(buffer, form)
    with pytest.raises(UserError, match=r"cannot read the image photo\.jpg: it is in no image format that is known"):
        decode(buffer.getvalue(), "photo.jpg")


@pytest.mark.parametrize(
    "form", ["PNG", "BMP", "DIB", "GIF", "TIFF", "PPM", "JPEG2000", "TGA", "PCX", "SGI", "QOI", "ICO"]
)
def test_named_formats_are_opened(form):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, form)
    assert decode(buffer.getvalue(), "x")[:, 8, 8].tolist() == [255, 0, 0]
