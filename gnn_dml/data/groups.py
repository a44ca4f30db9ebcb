"""The images of a class cut into groups of K: as few as hold them all, or as many as the published code makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Cut(NamedTuple):
    """A way to cut the images of a class into groups.

    Attributes:
        number: From the number of images n and K to the number of groups.
        draw: From the images (n,), K and a generator to as many groups of K.
    """

    number: Callable[[int, int], int]
    draw: Callable[[Tensor, int, torch.Generator], list[list[int]]]


def _needed_count(n: int, k: int) -> int:
    return -(-n // k)


def _needed(members: Tensor, k: int, generator: torch.Generator) -> list[list[int]]:
    shuffled = _shuffled(members, generator)
    missing = -len(shuffled) % k
    # Filling from the front, round and round, repeats nobody inside the last group unless the class is too small.
    return _cut(shuffled + (shuffled * (1 + missing // len(shuffled)))[:missing], k)


def _published_count(n: int, k: int) -> int:
    return max(n, k) // k + 1


def _published(members: Tensor, k: int, generator: torch.Generator) -> list[list[int]]:
    images = _shuffled(members, generator)
    n = len(images)
    if n < k:  # drawn one by one from the class, so some come more often than others
        images += [images[i] for i in torch.randint(n, (k - n,), generator=generator).tolist()]
    missing = _published_count(n, k) * k - len(images)
    # Drawn from the whole class, those of the group that is being filled among them.
    more = torch.randperm(len(images), generator=generator)[:missing].tolist()
    return _cut(images + [images[i] for i in more], k)


NEEDED = Cut(_needed_count, _needed)
"""ceil(n / K) groups; the last is filled with other images of the class, repeated only where n < K."""

PUBLISHED = Cut(_published_count, _published)
"""floor(max(n, K) / K) + 1 groups: one more where K divides n, and two where n < K.

The last group is filled with images drawn from the whole class, so an image can stand twice in it.
"""


def _shuffled(members: Tensor, generator: torch.Generator) -> list[int]:
    shuffled: list[int] = members[torch.randperm(len(members), generator=generator)].tolist()
    return shuffled


def _cut(images: list[int], k: int) -> list[list[int]]:
    return [images[i : i + k] for i in range(0, len(images), k)]
