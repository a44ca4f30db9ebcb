"""Which files are images, by their names."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif")
"""Lower case; names are compared in lower case too."""


def is_image_name(name: str) -> bool:
    """Whether a file of this name is an image that counts: it has an image's suffix and does not begin with a dot."""
    return not name.startswith(".") and name.lower().endswith(IMAGE_SUFFIXES)
