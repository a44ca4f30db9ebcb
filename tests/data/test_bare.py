"""Files with damage beside their pixels, made by hand, against the same pixels without it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gnn_dml.data.bare import strip_descriptions
from gnn_dml.data.decode import decode

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)


def content(form, **options):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, form, **options)
    return buffer.getvalue()


def chunk(kind, body, damaged=False):
    """A chunk of a PNG, with a checksum that is right or not."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ damaged)


def png(*chunks, behind=False):
    data = content("PNG")
    place = data.index(b"IEND") - 4 if behind else 33
    return data[:place] + b"".join(chunks) + data[place:]


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(*segments):
    data = content("JPEG", quality=95)
    return data[:2] + b"".join(segments) + data[2:]


def webp(kind, body, flags):
    data = content("WEBP", lossless=True)
    described = b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0, 9, 0, 0, 11, 0, 0])
    whole = b"WEBP" + described + data[12:] + kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


TOO_LONG = zlib.compress(b"x" * (2**22))
DAMAGED = {
    "a text with a wrong checksum": png(chunk(b"tEXt", b"Comment\0x", damaged=True)),
    "a profile with a wrong checksum": png(chunk(b"iCCP", b"icc\0\0nonsense", damaged=True)),
    "a profile that is no zlib": png(chunk(b"iCCP", b"icc\0\0nonsense")),
    "a profile of another method": png(chunk(b"iCCP", b"icc\0\7" + zlib.compress(b"x"))),
    "a text of 4 MiB": png(chunk(b"zTXt", b"Comment\0\0" + TOO_LONG)),
    "a text of 4 MiB behind the pixels": png(chunk(b"zTXt", b"Comment\0\0" + TOO_LONG), behind=True),
    "XMP that ends early": png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0nonsense", damaged=True)),
    "EXIF with a wrong checksum": png(chunk(b"eXIf", b"MM\0\x2a\0\0\0\x08", damaged=True)),
    "EXIF that is none": png(chunk(b"eXIf", b"no EXIF"), behind=True),
    "a resolution that is too short": png(chunk(b"pHYs", b"\0")),
    "a gamma that is too short": png(chunk(b"gAMA", b"\0")),
    "a JPEG with EXIF that is none": jpeg(segment(0xE1, b"Exif\0\0nonsense")),
    "a JPEG with half an index of pictures": jpeg(segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff")),
    "a JPEG with half a profile": jpeg(segment(0xE2, b"ICC_PROFILE\0")),
    "a JPEG with Photoshop's data cut": jpeg(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0")),
    "WebP with EXIF that is none": webp(b"EXIF", b"nonsense", 0b1000),
    "WebP with a profile that is none": webp(b"ICCP", b"nonsense", 0b100000),
}


@pytest.mark.parametrize("name", list(DAMAGED))
def test_damage_beside_the_pixels_changes_no_pixel(name):
    data = DAMAGED[name]
    expected = np.asarray(Image.open(io.BytesIO(content("JPEG", quality=95)))) if "JPEG" in name else PIXELS
    assert np.array_equal(decode(data, "x").permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("name", list(DAMAGED))
def test_what_is_stripped_has_the_same_pixels_and_less_beside_them(name):
    data = DAMAGED[name]
    bare = strip_descriptions(data)
    if "EXIF that is none" in name and "WebP" not in name:
        return  # EXIF data are kept where their place is sound: they say which way up
    assert bare is not None
    assert len(bare) < len(data)
    assert decode(bare, "x").equal(decode(data, "x"))


def test_the_orientation_is_kept_beside_a_damaged_profile():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = content("PNG", exif=exif)
    data = data[:33] + chunk(b"iCCP", b"icc\0\7nonsense") + data[33:]
    assert np.array_equal(decode(data, "x").permute(1, 2, 0).numpy(), PIXELS.transpose(1, 0, 2)[:, ::-1])
    assert np.array_equal(decode(data, "x", upright=False).permute(1, 2, 0).numpy(), PIXELS)


@pytest.mark.parametrize("value", [b"\0\0", b"\xff\xff"])
def test_an_orientation_that_there_is_not_leaves_the_image_as_it_is(value):
    tag = struct.pack(">HHI", 0x0112, 3, 1) + value + b"\0\0"
    data = png(chunk(b"eXIf", b"MM\0\x2a\0\0\0\x08\0\1" + tag + b"\0\0\0\0"))
    assert np.array_equal(decode(data, "x").permute(1, 2, 0).numpy(), PIXELS)


def test_nothing_is_made_of_what_is_whole_or_of_another_format():
    for data in (content("PNG"), content("BMP"), content("TIFF"), b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8"):
        assert strip_descriptions(data) is None
