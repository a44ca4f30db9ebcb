"""Whether a data set is whole: what its reader says, then every image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gnn_dml.config.dataset import compose_source
from gnn_dml.config.names import open_config_dirs
from gnn_dml.data.copies import Copies, find_copies
from gnn_dml.data.files import ImageFiles
from gnn_dml.data.images import ImageDataset
from gnn_dml.data.readable import check_files
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import read_dataset

SHOWN = 10
"""Sentences about images that a message holds before it says how many more there are."""


@dataclass(frozen=True)
class Verified:
    """A data set all of whose images can be read.

    Attributes:
        dataset: As its reader gives it.
        copies: Images of equal content.
    """

    dataset: ImageDataset
    copies: Copies

    @property
    def whole(self) -> bool:
        """Whether nothing was passed over, and no image of the training half is in the test half too."""
        return not self.dataset.passed_over and not self.copies.across_halves

    def lines(self) -> list[str]:
        """For people: how the images lie, what was passed over, copies, and on the last line the counts."""
        found, dataset = self.dataset.found, self.dataset
        lines = [f"layout: {found.layout}"] if found.layout else []
        lines += list(found.notes)
        if found.passed_over:
            lines.append("passed over:")
            width = max(len(reason) for reason in found.passed_over)
            for reason, count in found.passed_over.items():
                names = found.passed_over.examples(reason)
                more = ", ..." if count > len(names) else ""
                lines.append(f"  {count:>7,}  {reason:<{width}}  {', '.join(names)}{more}")
        lines += self.copies.sentences()
        roles = ", ".join(f"{count:,} {role}" for role, count in Counter(dataset.roles).items())
        sizes = Counter(dataset.labels.tolist()).values()
        spread = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"
        lines.append(
            f"{'whole; ' if self.whole else ''}{len(dataset):,} images ({roles}), {len(dataset.class_names):,} classes "
            f"of {spread} images, all readable"
        )
        return lines


def verify_dataset(
    name: str,
    root: Path | None = None,
    *,
    strict: bool = True,
    workers: int = 0,
    config_dirs: Sequence[str | Path] = (),
) -> Verified:
    """Read a data set as `dataset=NAME` would, then decode every image, with a progress bar.

    Args:
        name: As in `dataset=NAME`.
        root: Where it is; None for the place of its YAML.
        strict: Whether the published counts are required, where there are some.
        workers: Processes that decode.
        config_dirs: Folders with YAMLs and classes of the user's own.

    Raises:
        UserError: If a list is missing or malformed, counts differ, or images cannot be read; the message names them.
    """
    dataset = read_dataset(compose_source(name, root, strict=strict, config_dirs=open_config_dirs(config_dirs)))
    paths = dataset.images.paths if isinstance(dataset.images, ImageFiles) else []
    checked = check_files(paths, workers=workers)
    if found := checked.faults:
        shown = "\n".join(f"  {said}" for said in list(found.values())[:SHOWN])
        more = f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UserError(f"{len(found)} of {len(dataset)} images cannot be read:\n{shown}{more}")
    return Verified(dataset, find_copies(dataset, checked.digests))
