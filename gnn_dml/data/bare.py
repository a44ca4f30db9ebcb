"""An image file without what lies beside its pixels, for files whose descriptions are damaged and whose pixels are not.

Of each format this is the least that gives the same pixels: no colour profile, no XMP, no comments.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_WEBP_KEPT = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_WEBP_DESCRIBED = 0b0010_1100
"""Flags of a VP8X chunk that promise a profile, EXIF and XMP."""
_JPEG_KEPT = (0xE0, 0xEE)
"""JFIF, and Adobe's, which says how colours are stored."""
_JPEG_ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers without a length."""


def strip_descriptions(data: bytes) -> bytes | None:
    """The file without its descriptions; None where the format is another one or the file has nothing to strip.

    Args:
        data: Of a PNG, JPEG or WebP file.
    """
    try:
        if data.startswith(PNG):
            found = PNG + b"".join(_png_chunks(data))
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            body = b"WEBP" + b"".join(_webp_chunks(data))
            found = b"RIFF" + struct.pack("<I", len(body)) + body
        elif data.startswith(b"\xff\xd8"):
            found = b"\xff\xd8" + b"".join(_jpeg_segments(data))
        else:
            return None
    except (struct.error, IndexError):
        return None
    return None if found == data else found


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """The chunks that pixels are made of, and EXIF data that are whole, for the orientation."""
    place = len(PNG)
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        chunk = data[place : place + size + 12]
        whole = len(chunk) == size + 12 and struct.unpack(">I", chunk[-4:])[0] == zlib.crc32(chunk[4:-4])
        if kind in _PNG_KEPT or (kind == b"eXIf" and whole):
            yield chunk
        place += size + 12
        if kind == b"IEND":
            return


def _webp_chunks(data: bytes) -> Iterator[bytes]:
    place = 12
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        chunk = data[place : place + 8 + size + size % 2]
        if kind == b"VP8X":
            yield chunk[:8] + bytes([chunk[8] & ~_WEBP_DESCRIBED]) + chunk[9:]
        elif kind in _WEBP_KEPT:
            yield chunk
        place += 8 + size + size % 2


def _jpeg_segments(data: bytes) -> Iterator[bytes]:
    """The segments up to the pixels, then the rest as it is."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:  # lost: let the decoder look for the next marker itself
            yield data[place:]
            return
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == 0xDA:
            yield data[place:]
            return
        size = 0 if marker in _JPEG_ALONE else struct.unpack_from(">H", data, place + 2)[0]
        described = 0xE0 <= marker <= 0xEF or marker == 0xFE
        exif = marker == 0xE1 and data[place + 4 : place + 10] == b"Exif\0\0"
        if not described or exif or marker in _JPEG_KEPT:
            yield data[place : place + 2 + size]
        place += 2 + size
