"""Figures as a table, as JSON and as rows, from numbers that are easy to follow."""

import json
import math

import pytest

from gnn_dml.cli.tables import format_members, format_table
from gnn_dml.errors import UserError
from gnn_dml.evaluation.measurement import Measurement, replace_nan, to_json, write_csv

PLAIN = Measurement(
    "run", "backbone", 8, {"recall@1": 0.5, "map@r": None}, {"alignment": 0.25, "spectral_decay": math.inf}, 2
)
REFINED = Measurement(
    "run", "refined", 8, {"recall@1": 0.625, "map@r": 0.1}, {"alignment": 0.2, "spectral_decay": math.inf}, 2
)


def test_two_embeddings_are_shown_with_their_difference():
    assert [line.split() for line in format_table([PLAIN, REFINED]).splitlines()] == [
        ["backbone", "refined", "difference"],
        ["recall@1", "50.0", "62.5", "+12.5"],
        ["map@r", "-", "10.0", "-"],
        [],
        ["alignment", "0.250", "0.200", "-0.050"],
        ["spectral", "decay", "inf", "inf", "-"],
    ]


def test_one_embedding_is_shown_alone():
    lines = format_table([Measurement("e.npy", "embeddings", 8, {"recall@1": 1.0}, {}, 0)]).splitlines()
    assert [line.split() for line in lines] == [["embeddings"], ["recall@1", "100.0"]]


def test_columns_stand_under_their_heads():
    assert len({len(line) for line in format_table([PLAIN, REFINED]).splitlines() if line}) == 1


def test_members_without_a_refined_embedding_leave_it_out():
    head, both, one = format_members([[PLAIN, REFINED], [PLAIN]]).splitlines()
    assert head == "recall@1 backbone  recall@1 refined  map@r backbone  map@r refined  member"
    assert both.split() == ["50.0", "62.5", "-", "10.0", "run"]
    assert one.split() == ["50.0", "-", "-", "-", "run"]
    assert head.index("member") == both.index("run") == one.index("run")


def test_json_has_flat_names_and_no_number_that_json_has_not():
    found = to_json([PLAIN, REFINED])
    assert found["refined_recall@1"] == 0.625
    assert (found["backbone_map@r"], found["refined_spectral_decay"], found["unmatched"]) == (None, None, 2)
    json.dumps(found, allow_nan=False)
    assert to_json([Measurement("e", "embeddings", 1, {"recall@1": 0.5}, {}, 0)]) == {"recall@1": 0.5, "unmatched": 0}


def test_nan_is_no_number():
    assert replace_nan({"a": math.nan, "b": 0.0}) == {"a": None, "b": 0.0}


def test_rows_have_equal_columns(tmp_path):
    alone = Measurement("other", "backbone", 4, {"recall@1": 0.75}, {}, 0)
    write_csv(tmp_path / "f.csv", [PLAIN, alone], split="val")
    assert (tmp_path / "f.csv").read_text().splitlines() == [
        "model,embedding,split,channels,recall@1,map@r,alignment,spectral_decay,unmatched",
        "run,backbone,val,8,0.5,,0.25,inf,2",
        "other,backbone,val,4,0.75,,,,0",
    ]
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*f\.csv"):
        write_csv(tmp_path / "file" / "f.csv", [PLAIN])
