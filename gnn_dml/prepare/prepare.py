"""From a card to a data set on disk: every file found, downloaded or asked for, checked and put in its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.prepare.card import Card, Source
from gnn_dml.prepare.download import check, download
from gnn_dml.prepare.extract import extract
from gnn_dml.prepare.look import exists, is_file

ARCHIVES = (".tgz", ".tar.gz", ".tar", ".zip")


def prepare(
    card: Card,
    root: Path,
    *,
    archives: Sequence[Path] = (),
    url: str | None = None,
    checked: bool = True,
    say: Callable[[str], object] = print,
) -> None:
    """Put a data set together; what is there already stays, so it can be called again after any interruption.

    Args:
        card: Of the data set.
        root: Its folder; made if missing.
        archives: Files of it that the user has, known by their names.
        url: Another address of the file that is downloaded.
        checked: Whether sizes and checksums are held against the published ones.
        say: Called with a line about every step.

    Raises:
        UserError: If a file is missing, cannot be downloaded, differs from its checksum, or cannot be taken apart; if a
            name is not one of the data set's files.
    """
    given = _by_name(card, archives)
    missing = _missing(card, root)
    if not missing:
        say(f"{card.title} is there already: {root}")
        return
    if url is not None and sum(source.url is not None for source in missing) != 1:
        raise UserError(
            f"--url goes with a data set of which one file is downloaded, and {card.name} has none to download"
        )
    lacking = [s for s in missing if s.file not in given and not is_file(root / s.file) and not s.url]
    if lacking:
        raise UserError(_instruction(card, root, lacking))
    with _lock_folder(root):
        for source in _missing(card, root):  # looked up again: another process may have finished since
            _place(source, root, given.get(source.file), url or source.url, checked, say)


def _missing(card: Card, root: Path) -> list[Source]:
    return [source for source in card.sources if not exists(root / source.makes)]


@contextmanager
def _lock_folder(root: Path) -> Iterator[None]:
    """Make the folder and hold off other processes; the empty file `.lock` stays, as one that comes may hold it open.

    Raises:
        UserError: If another process is there, or the folder cannot be written.
    """
    lock = FileLock(root / ".lock", timeout=0)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except TimeoutError as error:
        raise UserError(f"another process is preparing {root} at this moment") from error
    except OSError as error:
        raise UserError(
            f"cannot write to {root}: {error.strerror or error}; choose another folder with --root"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _by_name(card: Card, archives: Sequence[Path]) -> dict[str, Path]:
    """The user's files by the names in the card."""
    names = [source.file for source in card.sources]
    for path in archives:
        if path.name not in names:
            raise UserError(f"--archive {path} must be named {' or '.join(names)}, as its authors name it")
        if not is_file(path):
            raise UserError(f"--archive {path} is no file")
    return {path.name: path for path in archives}


def _instruction(card: Card, root: Path, lacking: Sequence[Source]) -> str:
    """What a person has to do where a program cannot."""
    names = " and ".join(source.file for source in lacking)
    options = " ".join(f"--archive {source.file}" for source in lacking)
    return (
        f"{card.title}: {card.by_hand} ({card.homepage}). Then put {names} into {root}, or write: "
        f"gnn-dml data prepare {card.name} {options}"
    )


def _place(
    source: Source, root: Path, given: Path | None, url: str | None, checked: bool, say: Callable[[str], object]
) -> None:
    """Turn one source into what it makes."""
    size, md5 = (source.size, source.md5) if checked else (None, None)
    target, path = root / source.makes, given or root / source.file
    if is_file(path):
        try:
            check(path, size=size, md5=md5)
        except UserError as error:
            raise UserError(
                f"{path} is not the published file: {error}; get it again, or take it as it is with --unchecked"
            ) from error
    else:
        assert url is not None
        say(f"download {url}")
        download(url, path, size=size, md5=md5, limit=source.limit)
    if checked and md5 is None:
        say(f"{source.file}: no checksum of it is published, so it is taken as it is")
    if source.file.endswith(ARCHIVES):
        say(f"extract {path}")
        try:
            extract(path, target.name, target, limit=source.limit)
        except OSError as error:
            raise UserError(f"cannot extract {path}: {error}; nothing was kept, what was there is untouched") from error
        if path.parent == root:
            say(f"{path} is not needed any more and may be deleted")
    elif path != target:
        try:
            write_atomically(target, lambda partial: shutil.copyfile(path, partial))
        except OSError as error:
            raise UserError(f"cannot write {target}: {error.strerror or error}") from error
