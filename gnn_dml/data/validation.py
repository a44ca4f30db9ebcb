"""Validation classes inside the training half: the test classes stay unseen until the end."""

from __future__ import annotations

import torch

from gnn_dml.data.images import ImageDataset
from gnn_dml.errors import UserError


def hold_out_classes(
    dataset: ImageDataset,
    *,
    share: float = 0.2,
    least: int = 1,
    seed: int = 0,
    folds: int | None = None,
    fold: int = 0,
) -> ImageDataset:
    """Hold out classes of the training half as the split "val"; no image of a test class is touched.

    Without folds, a data set that names validation classes itself keeps them, and any other gives `share` of its
    training classes. With folds, all classes of the training half, validation classes too, are cut into k parts of
    equal size (to one class), and part `fold` is held out: over all folds each class is held out once.

    Which classes is drawn from the seed and the number of classes alone, so it does not change with the seed of a run.

    Args:
        dataset: With the roles "train" and perhaps "val".
        share: Of the training classes; at least one class is held out and one is left.
        least: Classes that are held out where the share is fewer, but no more than half of them: one class, on which
            every neighbour is right, tells no epoch from another.
        seed: Of the draw.
        folds: k, at least 2, or None.
        fold: Which part, 0 .. k - 1.

    Raises:
        UserError: If a number is out of range, or there are too few classes.
    """
    if not 0 < share < 1:
        raise UserError(f"protocol.val_share must be above 0 and below 1, not {share}")
    if least < 1:
        raise UserError(f"protocol.val_least must be at least 1, not {least}")
    if folds is not None and not (folds >= 2 and 0 <= fold < folds):
        raise UserError(f"protocol.folds must be at least 2 and protocol.fold below it, not {folds} and {fold}")
    if folds is None and "val" in dataset.roles:
        return dataset
    half = torch.tensor([role in ("train", "val") for role in dataset.roles], dtype=torch.bool)
    classes = torch.unique(dataset.labels[half])
    needed = 2 if folds is None else folds
    if len(classes) < needed:
        raise UserError(
            f"the training half has {len(classes)} class{'es' * (len(classes) != 1)}, and {needed} or more are needed "
            "to hold some out for validation"
        )
    order = classes[torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))]
    held_out = min(len(classes) - 1, max(1, round(share * len(classes)), min(least, len(classes) // 2)))
    held = order[:held_out] if folds is None else order[fold::folds]
    chosen = torch.isin(dataset.labels, held).tolist()
    return dataset.with_roles(
        [
            ("val" if out else "train") if inside else role
            for role, inside, out in zip(dataset.roles, half.tolist(), chosen, strict=True)
        ]
    )
