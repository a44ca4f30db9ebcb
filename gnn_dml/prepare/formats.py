"""Which image formats are opened, by name, and which files are images, by their suffixes.

Pillow knows many more formats. Some of them start other programs (PostScript starts Ghostscript), some hold no pixels
of a known range, some are stubs; a file is never opened as one of those, whatever it is called.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from importlib import import_module

from PIL import Image

FORMATS = (
    "JPEG",
    "MPO",
    "PNG",
    "WEBP",
    "TIFF",
    "BMP",
    "DIB",
    "GIF",
    "PPM",
    "JPEG2000",
    "AVIF",
    "HEIF",
    "TGA",
    "PCX",
    "SGI",
    "SUN",
    "QOI",
    "ICO",
    "PSD",
)
"""By Pillow's names: photographs and drawings of 8 or 16 bits, decoded by Pillow and its libraries alone."""

PLUG_INS = {
    ".heic": "pillow-heif",
    ".heics": "pillow-heif",
    ".heif": "pillow-heif",
    ".heifs": "pillow-heif",
    ".hif": "pillow-heif",
    ".avif": "pillow-avif-plugin",
    ".avifs": "pillow-avif-plugin",
}
"""Which package opens files with these suffixes where Pillow alone does not."""


@lru_cache(maxsize=1)
def open_formats() -> tuple[str, ...]:
    """The names of the formats of `FORMATS` that can be opened here; plug-ins that are installed are loaded."""
    with suppress(ImportError):
        import_module("pillow_heif").register_heif_opener()
    with suppress(ImportError):
        import_module("pillow_avif")
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@lru_cache(maxsize=1)
def image_suffixes() -> tuple[str, ...]:
    """The suffixes, in lower case, of files that can be opened here; names are compared in lower case too."""
    formats = {*open_formats(), "MPO"}  # which Pillow opens as JPEG
    return tuple(sorted(suffix for suffix, name in Image.registered_extensions().items() if name in formats))


def is_image_name(name: str) -> bool:
    """Whether a file of this name is an image that counts: it has an image's suffix and does not begin with a dot."""
    return not name.startswith(".") and name.lower().endswith(image_suffixes())


def why_no_image(name: str) -> str:
    """Why a file of this name is passed over, as a reason that many files share: its suffix."""
    suffix = name.lower()[name.rfind(".") :] if "." in name else ""
    if not suffix:
        return "no suffix"
    plug_in = PLUG_INS.get(suffix)
    return f"{suffix}: install {plug_in} to open them" if plug_in else f"suffix {suffix}"
