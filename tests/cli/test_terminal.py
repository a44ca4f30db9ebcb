"""Any text reaches any terminal, and what cannot be written ends nothing."""

import io
import os
import sys
from pathlib import Path

import pytest

from gnn_dml.cli.terminal import Shown, shown


def written(encoding, text, **options):
    under = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    out = Shown(under, **options)
    assert out.write(text) == len(text)
    out.flush()
    return under.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("ascii", "70.1 ± 0.3 Vögel", r"70.1 \xb1 0.3 V\xf6gel"),
        ("latin-1", "± 图", r"± \u56fe"),
        ("utf-8", "caf\udce9 图\n", "caf\\xe9 图\n"),
        ("utf-8", "\x1b[2J\x1b]0;x\x07\rgone", r"\x1b[2J\x1b]0;x\x07\x0dgone"),
    ],
)
def test_what_cannot_be_shown_is_escaped(encoding, text, expected):
    assert written(encoding, text) == expected


def test_bars_go_back_and_up_and_names_in_them_do_nothing():
    assert written("utf-8", "\r 10%|█ |\x1b[A\x1b[2J", bars=True) == "\r 10%|█ |\x1b[A\\x1b[2J"


def test_a_reader_that_has_gone_ends_nothing():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as under:
        out = Shown(under)
        for _ in range(3):
            out.write("x" * 100_000)
            out.flush()
        assert out.fault is None


def test_a_full_disk_is_remembered():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("w") as under:
        out = Shown(under)
        out.write("x")
        out.flush()
        assert out.fault is not None
        out.write("y")


def test_without_a_stream_nothing_is_written():
    out = Shown(None)
    out.write("x")
    out.flush()
    assert not out.isatty()


def test_both_outputs_come_back(capsys):
    before = sys.stdout, sys.stderr

    def fail():
        print("a\x1b")
        print("b\x1b", file=sys.stderr)
        raise KeyError

    with shown(), pytest.raises(KeyError):
        fail()
    assert (sys.stdout, sys.stderr) == before
    assert tuple(capsys.readouterr()) == ("a\\x1b\n", "b\\x1b\n")
