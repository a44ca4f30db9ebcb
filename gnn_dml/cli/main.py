"""The program `gnn-dml`: from what is typed to a command and an exit code; nothing heavy is imported until one runs."""

from __future__ import annotations

import logging
import sys
import tempfile
import traceback
import warnings
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from gnn_dml.cli import interrupt
from gnn_dml.cli.terminal import Shown, shown
from gnn_dml.errors import UserError

_SILENT = logging.NullHandler()
TRAINING = ("train", "ablate", "tune", "demo")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Returns:
        Its exit code: 0 if all was done; 1 for an error of the program, whose traceback lies in a file; 2 for something
        the user can put right, also where the runs were done and a table or picture of them could not be written; 130
        when interrupted.
    """
    with interrupt.watch(), shown() as out, warnings.catch_warnings():
        if not sys.warnoptions:  # nobody who runs this program can do anything about what libraries say to each other
            warnings.simplefilter("ignore")
        logging.getLogger().addHandler(_SILENT)  # some say it by logging
        arguments = Namespace(command=None)
        try:
            try:
                arguments = _parse(argv)
                code = _run(arguments)
            except Exception as error:  # whatever is left over
                interrupt.check()  # a library made an error of it
                code = _report(_name(arguments), error)
            interrupt.check()
            return _finish(_name(arguments), out, code)
        except KeyboardInterrupt:
            return _interrupted(arguments)


def _parse(argv: Sequence[str] | None) -> Namespace:
    from gnn_dml.cli.parser import build_parser

    parser = build_parser()
    # argparse takes no words behind an option (`ablate STUDY --seeds 0 graph=knn`); they come back as left over.
    arguments, left = parser.parse_known_args(argv)
    rest: str = getattr(arguments, "rest", "")
    if left and (not rest or any(text.startswith("-") for text in left)):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        setattr(arguments, rest, [*getattr(arguments, rest), *left])
    if arguments.command is None:
        parser.print_help()
    return arguments


def _run(arguments: Namespace) -> int:
    if arguments.command is None:
        return 0
    code: int = import_module(f"gnn_dml.cli.{arguments.command}").run(arguments)
    return code


def _name(arguments: Namespace) -> str:
    return "gnn-dml" if arguments.command is None else f"gnn-dml {arguments.command}"


def _interrupted(arguments: Namespace) -> int:
    kept = ": finished epochs are kept, and the same command goes on from there"
    print(f"\ninterrupted{kept if arguments.command in TRAINING else ''}", file=sys.stderr)
    return interrupt.EXIT_CODE


def _report(name: str, error: Exception) -> int:
    """Say in a sentence what ended the program; the exit code."""
    if isinstance(error, UserError):
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        # The file system refuses: a full disk, a closed folder, a name that is too long.
        where = "" if error.filename is None else f"{_path(error.filename)}: "
        print(f"{name}: {where}{error.strerror}", file=sys.stderr)
        return 2
    if isinstance(error, RuntimeError) and "DataLoader worker" in str(error):
        # A signal says so, which can come anywhere; see gnn_dml.data.workers.
        print(f"{name}: a process that loads images has ended; take fewer (workers=0 takes none)", file=sys.stderr)
        return 2
    said = "the memory was not enough" if isinstance(error, MemoryError) else f"{type(error).__name__}"
    detail = next(iter(str(error).splitlines()), "")[:300]
    print(f"{name}: {said}{detail and f' ({detail})'}; {_keep_traceback(error)}", file=sys.stderr)
    return 1


def _path(name: str | bytes | int) -> str:
    return name.decode(errors="surrogateescape") if isinstance(name, bytes) else str(name)


def _keep_traceback(error: Exception) -> str:
    """Write it to a file of its own, and say where."""
    text = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="gnn-dml-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(text)
    except OSError as fault:
        return f"this is a fault of the program, and what led to it could not be written ({fault.strerror})"
    return f"this is a fault of the program, and what led to it is in {file.name}"


def _finish(name: str, out: Shown, code: int) -> int:
    """Send what was printed; the exit code, if it arrives."""
    out.flush()
    if out.fault is None:
        return code
    print(f"{name}: cannot write what it prints: {out.fault.strerror or out.fault}", file=sys.stderr)
    return code or 2


if __name__ == "__main__":
    sys.exit(main())
