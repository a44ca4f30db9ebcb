"""Arguments of `data`."""

from __future__ import annotations

from gnn_dml.cli.parser.common import DATASETS, Commands, add_command, add_config_dir, examples, whole_number


def add_data(commands: Commands) -> None:
    """`gnn-dml data`."""
    long = (
        "What the data sets are, how to get them, whether they are whole. `prepare` downloads what a program can get\n"
        "(it goes on where it broke off, and holds files against their checksums), says what to get by hand where a\n"
        "source asks for a login, and takes archives apart; called again, it does only what is left to do."
    )
    epilog = examples(
        ("gnn-dml data list", "all data sets; `list cub`: one card"),
        ("gnn-dml data prepare cub", "into datasets/cub"),
        ("gnn-dml data prepare inshop --archive img.zip --archive list_eval_partition.txt", "files that you have"),
        ("gnn-dml data verify cub", "counts, then every image"),
        ("gnn-dml data verify folder --root my-images", "a folder of yours"),
        ("gnn-dml data prepare emoji --out emoji.zip", "build the embedded file anew (needs npm)"),
    )
    parser = add_command(commands, "data", "list, prepare and verify data sets", long, epilog)
    parser.add_argument("action", choices=("list", "prepare", "verify"))
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"{', '.join(DATASETS)}, or one of your own")
    add_config_dir(parser)
    parser.add_argument("--root", metavar="FOLDER", help="where the data set is or goes (default: datasets/NAME)")
    parser.add_argument(
        "--archive", metavar="FILE", action="append", default=[], help="prepare: a file of the data set that you have"
    )
    parser.add_argument("--url", metavar="URL", help="prepare: another address to download from")
    parser.add_argument("--unchecked", action="store_true", help="prepare: take files whatever their checksum")
    parser.add_argument("--subset", action="store_true", help="verify: counts may differ from the published ones")
    parser.add_argument(
        "--workers", type=whole_number(0), default=0, metavar="N", help="verify: processes that read images"
    )
    parser.add_argument("--out", metavar="FILE", help="prepare a file that is built (emoji): where it goes")
    parser.add_argument("--full", action="store_true", help="the same: all vendors, all classes")
    parser.add_argument("--cache", metavar="FOLDER", help="the same: where downloaded packages are kept")
    parser.add_argument("--file", metavar="FILE", help="verify: another file than the embedded one")
