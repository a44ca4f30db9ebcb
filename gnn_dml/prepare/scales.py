"""How pixel levels become what a network takes: plain numbers, which settings need as well as transforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """How levels 0 .. 255 become what a network takes: (level / range - mean) / std, per channel.

    Attributes:
        range: 255, or 1 for networks that take levels.
        mean: Of each channel, in the order that the network takes.
        std: Likewise.
        bgr: Whether the network takes blue first.
    """

    range: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bgr: bool = False

    def levels(self, values: Sequence[float]) -> list[int]:
        """The levels, red first, nearest to these normalised values of the network's channels."""
        found = [round(self.range * (v * s + m)) for v, m, s in zip(values, self.mean, self.std, strict=True)]
        return found[::-1] if self.bgr else found


SCALES: dict[str, Scale] = {
    "imagenet": Scale(255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "published": Scale(255, (0.485, 0.456, 0.406), (0.299, 0.224, 0.225)),
    "bn_inception": Scale(1, (104, 117, 128), (1, 1, 1), bgr=True),
    "half": Scale(255, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
