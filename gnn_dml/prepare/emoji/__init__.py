"""The emoji data file: built from npm packages, checked, read. Importing this package loads no torch."""

from gnn_dml.prepare.emoji.archive import Row, read_index
from gnn_dml.prepare.emoji.build import Built, build
from gnn_dml.prepare.emoji.checksums import EMOJI_CONTENT_SHA256, EMOJI_SHA256
from gnn_dml.prepare.emoji.verify import content_sha256, verify

__all__ = [
    "EMOJI_CONTENT_SHA256",
    "EMOJI_SHA256",
    "Built",
    "Row",
    "build",
    "content_sha256",
    "read_index",
    "verify",
]
