"""The program's entry: whatever is left over is one sentence, and exit code 0 means that all was done."""

import errno
import os
import re
import warnings
from pathlib import Path

import pytest

import gnn_dml.cli.data as command
from gnn_dml.cli.main import main
from gnn_dml.errors import UserError

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "some/file.csv")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("the value 3 is wrong"), 2, r"the value 3 is wrong"),
        (FULL, 2, r"some/file\.csv: No space left on device"),
        (OSError(errno.ENAMETOOLONG, "File name too long", b"caf\xe9"), 2, r"caf\\xe9: File name too long"),
        (PermissionError(errno.EACCES, "Permission denied"), 2, "Permission denied"),
        (
            RuntimeError("DataLoader worker (pid 8) is killed"),
            2,
            r"a process that loads images has ended; .*workers=0.*",
        ),
        (OSError("of no number"), 1, r"OSError \(of no number\); this is a fault of the program, .* is in (.+)"),
        (IndexError(), 1, r"IndexError; .* is in (.+)"),
        (RuntimeError("first\nsecond"), 1, r"RuntimeError \(first\); .* is in (.+)"),
        (MemoryError(), 1, r"the memory was not enough; .* is in (.+)"),
        (RecursionError("too deep"), 1, r"RecursionError \(too deep\); .* is in (.+)"),
        (UnicodeEncodeError("utf-8", "\udce9", 0, 1, "no"), 1, r"UnicodeEncodeError .* is in (.+)"),
    ],
)
def test_what_is_left_over_is_one_sentence(error, code, said, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail(arguments):
        raise error

    monkeypatch.setattr(command, "run", fail)
    assert main(["data", "list"]) == code
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    found = re.fullmatch(f"gnn-dml data: {said}\n", shown)
    assert found, shown
    assert len(list(tmp_path.iterdir())) == (code == 1)
    if code == 1:
        text = Path(found[1]).read_text()
        assert "Traceback" in text
        assert type(error).__name__ in text


def test_where_no_file_can_be_written_it_is_still_a_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr(command, "run", lambda arguments: 1 // 0)
    assert main(["data", "list"]) == 1
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "could not be written" in shown
    assert shown.count("\n") == 1


def test_names_that_a_terminal_would_obey_and_no_encoding_knows_are_escaped(capsys):
    assert main(["data", "verify", "emoji", "--file", "\x1b[2Jcaf\udce9.zip"]) == 2
    assert capsys.readouterr().err == "gnn-dml data: there is no file \\x1b[2Jcaf\\xe9.zip\n"


@pytest.mark.parametrize("word", ["9" * 5000, "-1", "1e3", "", "0x10", "²"])
def test_odd_whole_numbers_are_refused(word, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "nowhere", "--workers", word])
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "--workers: must be a whole number of at least 0" in shown
    assert len(shown) < 3000


def test_warnings_of_libraries_are_not_shown(monkeypatch, capsys):
    def warn(arguments):
        warnings.warn("of a library", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(command, "run", warn)
    assert main(["data", "list"]) == 0
    assert capsys.readouterr().err == ""


def test_an_output_that_cannot_be_written_is_no_success(monkeypatch, capsys):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(["data", "list"]) == 2
    assert "cannot write what it prints: No space left on device" in capsys.readouterr().err
