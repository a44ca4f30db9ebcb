"""The row of a finished run and the weights that belong to it."""

import hashlib
import json

import pytest

from gnn_dml.config.identity import file_sha256
from gnn_dml.errors import UserError
from gnn_dml.experiments.finished import check_weights, finished_row

CONTENT = {"best.pt": b"best" * 1000, "last.pt": b"last" * 1000}


@pytest.fixture
def folder(tmp_path):
    row = {"run_id": "r", "status": "finished", "seed": 0, "backbone_recall@1": 0.5}
    row["weights"] = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    (tmp_path / "result.json").write_text(json.dumps(row))
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_the_weights_of_the_row_pass(folder):
    assert file_sha256(folder / "best.pt") == hashlib.sha256(CONTENT["best.pt"]).hexdigest()
    check_weights(folder)
    assert finished_row(folder)["run_id"] == "r"


def test_a_flipped_byte_is_named(folder):
    content = bytearray(CONTENT["last.pt"])
    content[1234] ^= 1
    (folder / "last.pt").write_bytes(content)
    check_weights(folder, "best.pt")
    for names in ([], ["last.pt"]):
        with pytest.raises(UserError, match=r"last\.pt has changed since its run ended"):
            check_weights(folder, *names)


def test_missing_weights_are_named(folder):
    (folder / "best.pt").unlink()
    with pytest.raises(UserError, match=r"best\.pt is missing"):
        check_weights(folder)


def test_without_checksums_there_is_nothing_to_hold_against(folder):
    row = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**row, "weights": None}))
    (folder / "best.pt").write_bytes(b"other")
    check_weights(folder)
    (folder / "result.json").unlink()
    check_weights(folder)
    assert finished_row(folder) is None


def test_a_broken_row_is_named(folder):
    (folder / "result.json").write_text("{")
    with pytest.raises(UserError, match=r"result\.json cannot be used"):
        check_weights(folder)
    (folder / "result.json").write_text(json.dumps({"run_id": "r"}))
    with pytest.raises(UserError, match="it is no row of a run"):
        finished_row(folder)
