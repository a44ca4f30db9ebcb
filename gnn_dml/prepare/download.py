"""One file from a web server: resumed where it broke off, and never under its name before it is whole."""

from __future__ import annotations

import hashlib
import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gnn_dml.errors import UserError

CHUNK = 2**20
TIMEOUT = 60
"""Seconds without a byte after which a connection counts as broken."""


def download(
    url: str, target: Path, *, size: int | None = None, md5: str | None = None, limit: int | None = None
) -> Path:
    """Download a file, with a progress bar.

    What has come is kept beside `target`, as NAME.part. The next call goes on from there if the server can and its file
    is still the same; else it begins again.

    Args:
        url: http or https.
        target: The file to write.
        size: Bytes that are expected, if known.
        md5: Checksum that is expected, if known.
        limit: Bytes at which a file of unknown size is given up.

    Returns:
        `target`.

    Raises:
        UserError: If it cannot be reached, breaks off or cannot be written (what has come stays), or is larger than it
            should be or has another size or checksum (what has come is removed).
    """
    if not url.startswith(("http://", "https://")):
        raise UserError(f"--url must begin with http:// or https://, not {url!r}")
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, limit if size is None else size)
    except _TooLargeError as error:
        _remove(part)
        raise UserError(f"{url}: the server sends more than {error} bytes; what had come was removed") from error
    except urllib.error.HTTPError as error:
        raise UserError(
            f"{url} cannot be downloaded: the server says {error.code} {error.reason}; name another address with "
            "--url, or a file that you have with --archive"
        ) from error
    except (urllib.error.URLError, http.client.HTTPException, _BrokenOffError) as error:
        raise UserError(_what_came(url, part, error)) from error
    except OSError as error:
        raise UserError(f"cannot write {part}: {error.strerror or error}; what has come is kept") from error
    except ValueError as error:
        raise UserError(f"--url {url!r} is no address: {error}") from error
    try:
        check(part, size=size, md5=md5)
    except UserError as error:
        _remove(part)
        raise UserError(f"{url}: {error}; the file was removed, so the same command begins again") from error
    part.replace(target)
    _note(part).unlink(missing_ok=True)
    return target


def check(path: Path, *, size: int | None, md5: str | None) -> None:
    """Hold a file against its published size and checksum.

    Raises:
        UserError: If one differs.
    """
    found = path.stat().st_size
    if size is not None and found != size:
        raise UserError(f"{path.name} has {found} bytes, and {size} are expected")
    if md5 is None:
        return
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file, tqdm(total=found, unit="B", unit_scale=True, desc="checksum", disable=None) as bar:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            bar.update(len(chunk))
    if digest.hexdigest() != md5:
        raise UserError(f"{path.name} has the md5 {digest.hexdigest()}, and {md5} is expected")


class _BrokenOffError(Exception):
    """The connection ended before the file did."""


class _TooLargeError(Exception):
    """More comes than is expected; the argument is how much that was."""


def _remove(part: Path) -> None:
    """Take away what has come, and the note about it."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _what_came(url: str, part: Path, error: Exception) -> str:
    """What a person does about a connection that was not made or did not last."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else str(error) or type(error).__name__
    came = part.stat().st_size if part.is_file() else 0
    if not came:
        return f"{url} cannot be reached ({reason}); try again, or name a file that you have with --archive"
    after = (
        "goes on from there"
        if _read_version(url, part)
        else "begins again: the server does not name its file's version"
    )
    return f"the download of {url} broke off after {came} bytes ({reason}); the same command {after}"


def _note(part: Path) -> Path:
    """Where it is written of which file on the server `part` is the beginning."""
    return part.with_name(f"{part.name}.json")


def _fetch(url: str, part: Path, most: int | None) -> None:
    """Bring `part` to its full length, of at most `most` bytes."""
    answer = _ask(url, part)
    if answer is None:
        return
    with answer:
        came = part.stat().st_size if answer.status == 206 else 0
        if came and not answer.headers.get("Content-Range", "").startswith(f"bytes {came}-"):
            raise http.client.HTTPException("the server sent another part of the file than was asked for")
        if not came:
            # Before the note changes: the beginning of one file must not be met with the note of another.
            part.unlink(missing_ok=True)
        length = answer.headers.get("Content-Length")
        same = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if same and not same.startswith("W/"):
            _note(part).write_text(json.dumps({"url": url, "same": same}), encoding="utf-8")
        else:
            _note(part).unlink(missing_ok=True)
        _copy(answer, part, came, None if length is None else came + int(length), most)


def _ask(url: str, part: Path) -> Any:
    """The server's answer: what is missing of a file that was begun, or all of it; None if nothing is missing."""
    request = urllib.request.Request(url, headers={"User-Agent": "gnn-dml", "Accept-Encoding": "identity"})
    begun = _read_version(url, part)
    if begun is not None:
        request.add_header("Range", f"bytes={part.stat().st_size}-")
        request.add_header("If-Range", begun)
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or begun is None:
            raise
        error.close()
        # Nothing is left beyond what has come, or the file is shorter now: the sizes tell.
        if error.headers.get("Content-Range", "").rpartition("/")[2] == str(part.stat().st_size):
            return None
        part.unlink()
        return _ask(url, part)
    except urllib.error.URLError:
        raise
    except OSError as error:
        raise _BrokenOffError(str(error) or type(error).__name__) from error


def _read_version(url: str, part: Path) -> str | None:
    """What names the server's version of a file that was begun: its ETag or time of change; None if none was."""
    try:
        note = json.loads(_note(part).read_text(encoding="utf-8"))
        return str(note["same"]) if note["url"] == url and part.stat().st_size > 0 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _copy(answer: Any, part: Path, came: int, total: int | None, most: int | None) -> None:
    """Append the answer to the `came` bytes of `part`."""
    if most is not None and total is not None and total > most:
        raise _TooLargeError(most)
    with (
        part.open("ab") as file,
        tqdm(total=total, initial=came, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar,
    ):
        while chunk := _read(answer):
            came += len(chunk)
            if most is not None and came > most:
                raise _TooLargeError(most)
            file.write(chunk)
            bar.update(len(chunk))
    if total is not None and came < total:
        raise _BrokenOffError(f"{total - came} bytes are missing")


def _read(answer: Any) -> bytes:
    """The next bytes; what fails here is the network and not the disk."""
    try:
        chunk: bytes = answer.read(CHUNK)
    except OSError as error:
        raise _BrokenOffError(str(error) or type(error).__name__) from error
    return chunk
