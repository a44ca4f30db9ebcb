"""Configurations of older versions in the words of this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def upgrade(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved configuration of any earlier version, as this version would write it."""
    return dict(config)
