"""k-reciprocal neighbours with expansion, for many images at once.

Two images are reciprocal where each is among the nearest of the other. Sets of images are rows of indices here, and
whole chunks of images are worked on together; `tests/evaluation/test_neighbourhoods.py` has the same in plain sets.

Legend: Q images that ask, B of them in a chunk, G items that answer, a, b, e lengths of lists, n items wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from gnn_dml.metrics.ranking.nearest import order_by_score
from gnn_dml.metrics.ranking.space import Space

CHUNK = 2**20
"""Members of expanding sets looked at at once."""


@dataclass(frozen=True)
class Lists:
    """Who is near to whom, nearest first.

    Attributes:
        forward: Items of each image (Q, a), the image itself first where it is an item; a is at least n.
        backward: Images of each item (G, b), the item itself first where it is an image.
        near: Items of each item (G, e), itself first, of the smaller neighbourhoods that expand the set.
        k: How many of `forward` may be reciprocal; the others only fill up.
    """

    forward: Tensor
    backward: Tensor
    near: Tensor
    k: int


def reciprocal_items(space: Space, lists: Lists, n: int) -> Tensor:
    """The n items that make the graph of each image.

    The reciprocal set of an image holds those of its k forward items that have the image in their backward list. Each
    of its items brings in its own small reciprocal set, that within `near`, if more than 2/3 of that lies in the set as
    it was before the expansion. The nearest of the union are taken, and where these are too few, the nearest others.

    Args:
        space: What the lists were made of; it ranks the few items of the union that are in no forward list.
        lists: Who is near to whom.
        n: How many, at most as long as the forward lists are.

    Returns:
        Positions of items (Q, n).
    """
    near = lists.near
    mutual = (near[near] == torch.arange(len(near), device=near.device)[:, None, None]).any(dim=2)
    step = max(1, CHUNK // max(1, lists.k * near.size(1)))
    images = torch.arange(len(lists.forward), device=near.device)
    return torch.cat([_of_chunk(space, lists, mutual, chunk, n) for chunk in torch.split(images, step)])


def _of_chunk(space: Space, lists: Lists, mutual: Tensor, images: Tensor, n: int) -> Tensor:
    """The items (B, n) of some images; `mutual` (G, e) marks the entries of `near` that are reciprocal."""
    forward = lists.forward[images]
    candidates = forward[:, : lists.k]
    reciprocal = (lists.backward[candidates] == images[:, None, None]).any(dim=2)
    members = lists.near[candidates].flatten(1)
    place = _places(forward, members)
    # Places run to a; a itself stands for all items that are not in the list.
    inside = pad(reciprocal, (0, forward.size(1) + 1 - lists.k))
    theirs = mutual[candidates]
    common = theirs & inside.gather(1, place).view_as(theirs)
    joins = reciprocal & (3 * common.sum(dim=2) > 2 * theirs.sum(dim=2))
    joined = (theirs & joins[:, :, None]).flatten(1)
    row, column = joined.nonzero(as_tuple=True)
    inside[row, place[row, column]] = True
    absent = len(lists.near)
    found = _nearest(forward, inside, forward[:, :0], n, absent)
    short = (inside[:, -1] & (inside[:, :-1].sum(dim=1) < n)).nonzero().squeeze(1)
    if len(short):
        outside = members[short].masked_fill(~joined[short] | (place[short] < forward.size(1)), absent)
        outside = _ranked(space, images[short], outside, absent)
        found[short] = _nearest(forward[short], inside[short], outside, n, absent)
    return found


def _places(rows: Tensor, wanted: Tensor) -> Tensor:
    """Where each wanted number stands in its row: (B, a), no number twice, and (B, w) to (B, w); a where it is not."""
    ordered, origin = rows.sort(dim=1)
    at = torch.searchsorted(ordered, wanted).clamp_(max=rows.size(1) - 1)
    return torch.where(ordered.gather(1, at) == wanted, origin.gather(1, at), rows.size(1))


def _ranked(space: Space, images: Tensor, items: Tensor, absent: int) -> Tensor:
    """Items (B, w) of each image once each, nearest first; `absent` is no item and fills the rows at their ends."""
    items = items.sort(dim=1).values
    items[:, 1:] = items[:, 1:].masked_fill(items[:, 1:] == items[:, :-1], absent)
    row, column = (items < absent).nonzero(as_tuple=True)
    score = torch.full(items.shape, -torch.inf, dtype=torch.float64, device=items.device)
    score[row, column] = space.exact(images[row], items[row, column])
    longest = int((items < absent).sum(dim=1).max())
    return order_by_score(score, items, longest)


def _nearest(forward: Tensor, inside: Tensor, outside: Tensor, n: int, absent: int) -> Tensor:
    """The first n of: forward items (B, a) inside the set (B, a + 1), items off the list (B, x), other forward items.

    What is off a forward list is farther than all that is on it. `absent` is no item.
    """
    a, x = forward.size(1), outside.size(1)
    order = torch.arange(a + x, device=forward.device).repeat(len(forward), 1)
    order[:, :a] += torch.where(inside[:, :-1], 0, a + x)
    order[:, a:] += torch.where(outside == absent, 2 * (a + x), 0)
    first = order.topk(n, dim=1, largest=False).indices
    return torch.cat([forward, outside], dim=1).gather(1, first)
