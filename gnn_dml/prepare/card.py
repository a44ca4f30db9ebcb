"""The card of a data set: where its files are, what it holds, under which terms, whom to cite."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GIB = 2**30


@dataclass(frozen=True)
class Source:
    """One file of a data set.

    Attributes:
        file: Its name.
        makes: The file or folder that it becomes, relative to the root of the data set. For an archive, the last part
            is the folder inside that is taken out; everything beside it is left in.
        url: Where it can be downloaded without a login or a form, or None.
        size: Bytes, or None if not published.
        md5: Its checksum, or None if none is known.
        limit: Bytes that it may become at most.
    """

    file: str
    makes: str
    url: str | None = None
    size: int | None = None
    md5: str | None = None
    limit: int = 8 * GIB


@dataclass(frozen=True)
class Card:
    """What a person wants to know about a data set before using it, and how the program gets and checks it.

    A data set has `sources`, or is `embedded`, or is the user's own: neither.

    Attributes:
        name: As in `dataset=NAME`.
        title: Its full name.
        images: How many; None where that is up to the user.
        classes: How many, likewise.
        split: In words.
        homepage: Of its authors.
        terms: Licence, in words.
        citation: Of the paper to cite.
        sources: Its files.
        by_hand: What to do where a file cannot be downloaded by a program; empty where all can.
        root: What `dataset.root` names, as in messages: FOLDER, FILE.csv.
        embedded: The file that comes with the package, which `dataset.root=null` stands for; None for no such file.
        builder: "module:function" that writes the data file anew, called as `function(out, full=..., cache=...)`.
        verifier: "module:function" that checks the data file, `function(path)`, and returns a list of sentences about
            what is wrong with it. None: its reader and every image are tried.
    """

    name: str
    title: str
    images: int | None = None
    classes: int | None = None
    split: str = ""
    homepage: str = ""
    terms: str = ""
    citation: str = ""
    sources: tuple[Source, ...] = ()
    by_hand: str = ""
    root: str = "FOLDER"
    embedded: str | None = None
    builder: str | None = None
    verifier: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether the files are the user's: there is nothing to get, and no place where they would be."""
        return not self.sources and self.embedded is None

    @property
    def availability(self) -> str:
        """How one comes by the data, in a word or two."""
        if self.is_own:
            return "yours"
        if self.embedded is not None:
            return "embedded"
        return "by hand" if self.by_hand else "downloaded"


def read_card(path: Path) -> Card:
    """Read a card from a YAML file, whose name is the data set's.

    Raises:
        ValueError: If it is no card; the message names the file and what is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        sources = tuple(Source(**source) for source in content.pop("sources", ()))
        return Card(name=path.stem, sources=sources, **content)
    except (yaml.YAMLError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no card: {error}") from error


def load_function(path: str) -> Callable[..., Any]:
    """Import the "module:function" that a card names."""
    function: Callable[..., Any] = pkgutil.resolve_name(path)
    return function
