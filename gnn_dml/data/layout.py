"""How a folder of images is laid out: as folders of splits, or as folders of classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from gnn_dml.errors import UserError

SPELLINGS = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "validate", "dev", "development"),
    "test": ("test", "testing", "tst", "eval", "evaluation"),
    "query": ("query", "queries", "probe", "probes"),
    "gallery": ("gallery", "galleries"),
}
"""How the roles of images are spelled, in any case; a "set" or a year may follow (trainset, test_set, val2017)."""

_ROLES = {spelling: role for role, spellings in SPELLINGS.items() for spelling in spellings}
_AROUND = re.compile(r"[\s_-]*(set|split)?[\s_-]*((19|20)\d\d)?$")


def role_of(name: str) -> str | None:
    """The role that a folder or a cell of this name stands for, or None.

    >>> role_of("Validation"), role_of("test_set"), role_of("train2017"), role_of("trainers")
    ('val', 'test', 'train', None)
    """
    word = name.strip().casefold()
    return _ROLES.get(word) or _ROLES.get(_AROUND.sub("", word))


def find_splits(folders: Sequence[str], where: str) -> Mapping[str, str]:
    """The folder of each role; empty where the folders are classes.

    Args:
        folders: The names of the folders at the top.
        where: For messages.

    Raises:
        UserError: If some are splits and others are not, or two stand for one role.
    """
    found: dict[str, str] = {}
    for name in folders:
        role = role_of(name)
        if role is None:
            continue
        if role in found:
            raise UserError(
                f"{where} holds two folders for the images of {role}: {found[role]!r} and {name!r}; keep one of them"
            )
        found[role] = name
    others = [name for name in folders if role_of(name) is None]
    if found and others:
        raise UserError(
            f"{where} holds folders of splits ({_listed(found.values())}) and others ({_listed(others)}); if these are "
            "classes, put them into train/ and test/; if a class is called so, list the images in a CSV (dataset=table)"
        )
    return found


def _listed(names: Iterable[str], most: int = 10) -> str:
    shown = [repr(name) for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
