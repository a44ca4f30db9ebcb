"""The schema of a row: each column said once, and the page that is made of it."""

import json
from pathlib import Path

from gnn_dml.columns import BRANCHES, COLUMNS, as_markdown

ROOT = Path(__file__).resolve().parents[1]


def test_no_column_stands_twice():
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)


def test_the_page_is_the_schema():
    """`python -m gnn_dml.columns > docs/columns.md`"""
    assert (ROOT / "docs" / "columns.md").read_text() == as_markdown()


def test_a_row_of_a_run_has_the_columns_of_the_schema_and_no_others(tiny_settings, tmp_path):
    from gnn_dml.experiments import train

    train([*tiny_settings, "protocol.epochs=1"])
    (path,) = (tmp_path / "runs" / "single").glob("*/result.json")
    row = json.loads(path.read_text())
    own = [column.name for column in COLUMNS if column.own]
    assert [name for name in row if name in own] == own
    others = [name for name in row if name not in own and not name.startswith(tuple(BRANCHES))]
    assert [name for name in others if name not in ("settings", "weights")] == []
    for column in COLUMNS:
        if column.own:
            assert row[column.name] is None or isinstance(row[column.name], column.kind), column.name
