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
from gnn_dml.data.records import MissingPartError
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import read_dataset

SHOWN = 10
"""Sentences about images that a message holds before it says how many more there are."""

WITHOUT_TRAINING = "no training images: good for evaluate, embed and search, and not for train"
WITHOUT_TEST = "no test images: good for train with protocol.test_on=none, and for embed and search with --split train"


@dataclass(frozen=True)
class Verified:
    """A data set all of whose images were read.

    Attributes:
        dataset: As its reader gives it.
        copies: Images of equal content.
        unreadable: How many of the images cannot be read; `verify_dataset` raises an error if there are any.
        lacking: Which part is not there, and what can be done without it; empty where both are.
    """

    dataset: ImageDataset
    copies: Copies
    unreadable: int = 0
    lacking: str = ""

    @property
    def whole(self) -> bool:
        """Whether all can be read, nothing was passed over, and no image is on two sides that must not share one."""
        leaks = self.copies.across_halves or self.copies.across_sides
        return not (self.unreadable or self.dataset.passed_over or leaks)

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
        if self.lacking:
            lines.append(self.lacking)
        roles = ", ".join(f"{count:,} {role}" for role, count in Counter(dataset.roles).items())
        sizes = Counter(dataset.labels.tolist()).values()
        spread = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"
        lines.append(
            f"{'whole; ' if self.whole else ''}{len(dataset):,} images ({roles}), {len(dataset.class_names):,} classes "
            f"of {spread} images, {f'{self.unreadable:,} not' if self.unreadable else 'all'} readable"
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

    The training part or the test part may be missing; `Verified.lines` says so.

    Args:
        name: As in `dataset=NAME`.
        root: Where it is; None for the place of its YAML.
        strict: Whether the published counts are required, where there are some.
        workers: Processes that decode.
        config_dirs: Folders with YAMLs and classes of the user's own.

    Raises:
        UserError: If a list is missing or malformed, counts differ, or images cannot be read; the message names
            them, and then says what `Verified.lines` says.
    """
    source = compose_source(name, root, strict=strict, config_dirs=open_config_dirs(config_dirs))
    lacking = ""
    try:
        dataset = read_dataset(source)
    except MissingPartError as error:
        dataset = read_dataset(source, need=error.there)
        lacking = WITHOUT_TEST if "train" in error.there else WITHOUT_TRAINING
    paths = dataset.images.paths if isinstance(dataset.images, ImageFiles) else []
    checked = check_files(paths, workers=workers)
    digests = [b"" if i in checked.faults else digest for i, digest in enumerate(checked.digests)]
    verified = Verified(dataset, find_copies(dataset, digests), len(checked.faults), lacking)
    if found := checked.faults:
        shown = "\n".join(f"  {said}" for said in list(found.values())[:SHOWN])
        more = f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UserError(
            "\n".join([f"{len(found)} of {len(dataset)} images cannot be read:\n{shown}{more}", *verified.lines()])
        )
    return verified
