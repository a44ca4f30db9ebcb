"""Names that mean another emoji in one set than everywhere else, found by looking at the drawings.

FxEmoji calls an animal's face by the animal's name and the whole animal "...side"; the older sets draw a
cricket bat under the name that now is the insect's.
"""

from __future__ import annotations

CORRECTIONS: dict[str, dict[str, str]] = {
    "fxemoji": {
        "bunny": "1f430",
        "bunnyside": "1f407",
        "cat": "1f431",
        "catside": "1f408",
        "construction": "1f3d7",
        "dog": "1f436",
        "dogside": "1f415",
        "dragonside": "1f409",
        "keyboard": "1f3b9",
        "leopardside": "1f406",
        "mouse": "1f42d",
        "mouseside": "1f401",
        "pig": "1f437",
        "pigside": "1f416",
        "tiger": "1f42f",
        "tigerside": "1f405",
        "umbrella": "1f302",
        "wiredkeyboard": "2328",
    },
    "noto-v1": {"cricket": "1f3cf"},
    "emojione": {"cricket": "1f3cf"},
    "emojione-monotone": {"cricket": "1f3cf"},
    "emojione-v1": {"cricket": "1f3cf"},
}
