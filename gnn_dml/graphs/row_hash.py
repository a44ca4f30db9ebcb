"""Draws that are a pure function of the features: no random state, and the same nodes are drawn in any order."""

from __future__ import annotations

import torch
from torch import Tensor

_STEP = 0x9E3779B97F4A7C15 - 2**64
_FACTORS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)
_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def hash_rows(x: Tensor) -> Tensor:
    """A 64-bit hash of the bits of each row: (..., D) -> int64 (...); the two zeros count as one."""
    bits = x.masked_fill(x == 0, 0).view(_INTEGERS[x.element_size()]).long()
    place = mix(torch.arange(x.size(-1), device=x.device))
    return mix(bits + place).sum(dim=-1)


def mix(z: Tensor) -> Tensor:
    """One step of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) on each int64, which overflows as intended."""
    z = z + _STEP
    z = (z ^ shift_right(z, 30)) * _FACTORS[0]
    z = (z ^ shift_right(z, 27)) * _FACTORS[1]
    return z ^ shift_right(z, 31)


def shift_right(z: Tensor, bits: int) -> Tensor:
    """Shift to the right and fill with zeros; `>>` on int64 fills with the sign."""
    shifted: Tensor = (z >> bits) & (2 ** (64 - bits) - 1)
    return shifted
