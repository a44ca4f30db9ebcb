"""What the commands' parsers share: examples, and arguments of a kind."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

from gnn_dml.config.names import groups

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

DATASETS = tuple(groups()["dataset"])
"""As in `dataset=NAME`: the files of `gnn_dml/conf/dataset`."""


def examples(*pairs: tuple[str, str]) -> str:
    """Commands to paste, each with what it does."""
    width = max(len(command) for command, _ in pairs) + 3
    return "examples:\n" + "".join(f"  {command:<{width}}# {what}\n" for command, what in pairs)


def add_command(commands: Commands, name: str, short: str, long: str, epilog: str) -> argparse.ArgumentParser:
    """A command; the line breaks of `long` and `epilog` are kept."""
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=short,
        description=long,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


def add_rest(parser: argparse.ArgumentParser, name: str, metavar: str, text: str) -> None:
    """Any number of words, also behind options (`ablate STUDY --seeds 0 graph=knn`), where argparse takes none itself.

    `gnn_dml.cli.main` puts those that argparse leaves over under `name`.
    """
    parser.add_argument(name, nargs="*", metavar=metavar, help=text)
    parser.set_defaults(rest=name)


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """The option that brings a user's own settings and classes."""
    parser.add_argument(
        "--config-dir",
        metavar="DIR",
        action="append",
        default=[],
        help="a folder of your own YAMLs (DIR/graph/mine.yaml, DIR/study/mine.yaml) and modules (docs/extend.md)",
    )


DIGITS = 20
"""Of a whole number at most; none that is asked for has as many."""


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers that are not too small or too large."""

    def read(text: str) -> int:
        if text.isdecimal() and len(text) <= DIGITS and int(text) >= least and (most is None or int(text) <= most):
            return int(text)
        bound = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise argparse.ArgumentTypeError(f"must be a whole number {bound}, not {_shown(text)}")

    return read


def whole_numbers(example: str, least: int = 0) -> Callable[[str], list[int]]:
    """A reader of whole numbers with commas between."""

    def read(text: str) -> list[int]:
        try:
            numbers = [int(part) for part in text.split(",")]
        except ValueError:  # also for numbers of thousands of digits
            numbers = []
        if numbers and min(numbers) >= least and max(numbers) < 10**DIGITS:
            return numbers
        bound = f" of at least {least}" if least else ""
        raise argparse.ArgumentTypeError(
            f"must be whole numbers{bound} with commas between, like {example}; not {_shown(text)}"
        )

    return read


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
