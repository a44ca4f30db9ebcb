"""A study file that would fill the memory or never end is refused in a sentence; names in it stay as written."""

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments.study import read_study


def bomb(depth, width, last):
    lines = ["x0: &x0 [1, 1]"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * width)}]" for i in range(1, depth)]
    return "\n".join([*lines, last.replace("*last", f"*x{depth - 1}"), ""])


HOSTILE = [
    (bomb(30, 9, "cells: {a: []}"), "more than 100000 values"),
    (bomb(9, 9, "cells: {a: []}\nseeds: *last"), "more than 100000 values"),
    (
        "m0: &m0 {a: 1}\n" + "".join(f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 12)),
        None,
    ),
    ("a: &a [*a]\ncells: {a: []}", "an alias of itself"),
    ("cells: &c {a: *c}", "an alias of itself"),
    ("cells: " + "[" * 10_000, "nest"),
    ("cells: " + "{a: " * 3_000, "nest"),
    ("cells: {a: []}\nseeds: [" + "9" * 5000 + "]", None),
    ("cells: {a: []}\nseeds: [2024-02-31]", None),
    ("cells: {a: !!python/object/apply:os.getcwd []}", None),
    ("cells: {a: []}\n? [b, c]\n: 1", "unknown keys"),
    ("cells: {[a, b]: []}", "name of a cell must be a word"),
    ("cells: {a: []}\nseeds: 3", "seeds must be a list"),
    ("cells: {a: [3]}", "a must be a list of settings"),
    ("cells: {a: }", "a must be a list of settings"),
    ("cells: {a: []}\nseed_spread: .nan", "seed_spread"),
    ("cells:\n  a: &x []\n  a: *x", "more than once"),
    ("#" * (2**20 + 1), "more than 1048576 bytes"),
    ("--- {}\n---\n{}", None),
    ("\x00", None),
    ("<<: 3\ncells: {a: []}", None),
    ("", "needs the key cells"),
]


@pytest.mark.parametrize(("text", "message"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_study_is_one_short_sentence(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_study(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_bytes_that_are_no_text_and_what_is_no_file_are_named(tmp_path):
    (tmp_path / "b.yaml").write_bytes(b"cells: {\xff: []}")
    with pytest.raises(UserError, match="is no YAML"):
        read_study(str(tmp_path / "b.yaml"))
    for name in (str(tmp_path / "folder.yaml"), "x" * 300 + ".yaml", "a\0.yaml"):
        with pytest.raises(UserError, match="there is no study"):
            read_study(name)


def test_names_of_cells_stay_as_written_and_aliases_may_be_used(tmp_path):
    path = tmp_path / "2024_11_25.yaml"
    path.write_text(
        "overrides: &all [optimizer.lr=0.1]\n"
        "cells:\n  1.10: []\n  1e3: [graph=knn]\n  2024_11_25: *all\n  on: []\n  null: []\n  '1': []\n  0x1F: []\n"
    )
    study = read_study(str(path))
    assert study.name == "2024_11_25"
    assert list(study.cells) == ["1.10", "1e3", "2024_11_25", "on", "null", "1", "0x1F"]
    assert study.cells["2024_11_25"] == ("optimizer.lr=0.1",)
    assert study.seeds == (0,)


def test_cells_may_be_merged(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("cells:\n  <<: {a: [graph=knn]}\n  b: []\n")
    assert read_study(str(path)).cells == {"a": ("graph=knn",), "b": ()}
