"""Which splits a word on the command line asks for."""

from __future__ import annotations

from gnn_dml.errors import UserError

SPLITS = ("train", "val", "test")
ALL = "all"


def split_names(word: str) -> tuple[str, ...]:
    """The splits that a word asks for, in their order; all of them for "all".

    Args:
        word: A split, several with commas between, or "all".

    Raises:
        UserError: If one is unknown.

    >>> split_names("test,train")
    ('train', 'test')
    """
    if word == ALL:
        return SPLITS
    names = [part.strip() for part in word.split(",")]
    if unknown := [part for part in names if part not in SPLITS]:
        raise UserError(
            f"a split must be one of {', '.join(SPLITS)}, several with commas between, or {ALL}; not {unknown[0]!r}"
        )
    return tuple(part for part in SPLITS if part in names)
