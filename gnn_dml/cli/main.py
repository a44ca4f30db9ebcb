"""The program `gnn-dml`: from what is typed to a command and an exit code; nothing heavy is imported until one runs."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

from gnn_dml.cli.parser import build_parser
from gnn_dml.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 0, 2 for something the user can put right, 130 when interrupted."""
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
        return 0
    # torch_geometric calls a function that torch has deprecated; nobody who runs this program can do anything about it.
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=FutureWarning)
    try:
        code: int = import_module(f"gnn_dml.cli.{arguments.command}").run(arguments)
        return code
    except UserError as error:
        print(f"gnn-dml {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        trains = arguments.command in ("train", "ablate", "demo")
        kept = ": finished epochs are kept, and the same command goes on from there" if trains else ""
        print(f"\ninterrupted{kept}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, for instance `head`
        return 0


if __name__ == "__main__":
    sys.exit(main())
