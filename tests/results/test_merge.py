import json
import shutil

import pandas as pd
import pytest

from gnn_dml.errors import UserError
from gnn_dml.results import collect, collect_studies, report_runs

CELLS = {"complete": [0.5, 0.52, 0.49], "kNN": [0.51, 0.53, 0.495]}
SAME = {"version": "1", "torch": "2.1"}


@pytest.fixture
def two(write_study, tmp_path):
    """The same study of two machines: seeds 0 to 2 of one, 3 to 5 of the other."""

    def write(**changed):
        write_study(tmp_path / "a" / "topology", CELLS, **SAME)
        write_study(tmp_path / "b" / "topology", CELLS, first_seed=3, **{**SAME, **changed})
        return [tmp_path / "a" / "topology", tmp_path / "b" / "topology"]

    return write


def test_one_study_is_what_collect_gives(write_study, tmp_path):
    folder = write_study(tmp_path / "s", CELLS)
    found = collect_studies([folder])
    pd.testing.assert_frame_equal(found, collect(folder))
    assert (folder / "results.csv").is_file()


def test_two_machines_are_one_study_and_nothing_is_written(two):
    folders = two()
    frame = collect_studies(folders)
    assert frame["seed"].tolist() == [0, 1, 2, 3, 4, 5] * 2
    assert frame.attrs["notes"] == []
    assert not any((folder / "results.csv").exists() for folder in folders)
    pd.testing.assert_frame_equal(frame, collect_studies([folders[0].parent, folders[1].parent]))


def test_a_folder_of_studies_and_single_runs(two):
    first, second = two()
    assert len(collect_studies([first.parent])) == 6
    runs = sorted(first.glob("kNN-*"))[:2]
    assert collect_studies(runs)["run_id"].tolist() == ["kNN-s0", "kNN-s1"]
    assert len(collect_studies([*runs, second])) == 8
    assert len(collect_studies([*runs, first, second])) == 12


def test_a_run_that_was_copied_counts_once_and_other_figures_are_said(two):
    first, second = two()
    shutil.copytree(first / "kNN-s0", second / "kNN-s0")
    assert len(collect_studies([first, second])) == 12
    assert collect_studies([first, second]).attrs["notes"] == []
    path = second / "kNN-s0" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"refined_map@r": 0.9}))
    frame = collect_studies([first, second])
    assert frame.loc[frame["run_id"] == "kNN-s0", "refined_map@r"].tolist() == [0.51]
    assert "kNN-s0 of" in frame.attrs["notes"][0]


@pytest.mark.parametrize(
    ("changed", "reason", "said"),
    [
        ({"torch": "2.2"}, "versions", r"other versions of packages \(torch 2\.1 / 2\.2\)"),
        ({"content": "bbbb"}, "data", r"other data \(content aaaa / bbbb\)"),
        ({"test_set": "2222"}, "data", r"other data \(test_set 1111 / 2222\)"),
        ({"settings": {"protocol.epochs": 30}}, "protocol", r"another protocol \(protocol\.epochs 20 / 30\)"),
    ],
)
def test_what_does_not_belong_together_is_refused_with_the_reason(two, changed, reason, said):
    folders = two(**changed)
    with pytest.raises(UserError, match=f"{said}; --allow {reason} merges them anyway"):
        collect_studies(folders)
    frame = collect_studies(folders, allow=[reason])
    assert len(frame) == 12
    assert frame.attrs["notes"][0].startswith("Merged in spite of")


def test_all_reasons_are_told_at_once(two):
    folders = two(torch="2.2", content="bbbb")
    with pytest.raises(UserError, match="--allow versions --allow data"):
        collect_studies(folders)


def test_what_is_not_known_is_no_difference(two):
    assert len(collect_studies(two(torch="", content=None))) == 12


def test_settings_that_a_study_has_its_cells_differ_in_are_no_other_protocol(write_study, tmp_path):
    for k, name in ((4, "a"), (8, "b")):
        settings, typed = {"protocol.classes_per_batch": k}, [f"protocol.classes_per_batch={k}"]
        write_study(tmp_path / name, {f"{k} classes": CELLS["kNN"]}, settings=settings, typed=typed)
    assert set(collect_studies([tmp_path / "a", tmp_path / "b"])["protocol.classes_per_batch"]) == {4, 8}


def test_a_cell_that_is_something_else_elsewhere_is_refused(write_study, tmp_path):
    for k, name, seed in ((4, "a", 0), (8, "b", 5)):
        settings, typed = {"graph.k": k}, [f"graph.k={k}"]
        write_study(tmp_path / name, {"kNN": CELLS["kNN"]}, settings=settings, typed=typed, first_seed=seed)
    with pytest.raises(UserError, match=r"the cell 'kNN' is not the same .*graph\.k 4 / 8"):
        collect_studies([tmp_path / "a", tmp_path / "b"])


def test_settings_that_follow_the_seed_are_the_same(write_study, tmp_path):
    for seed, name in ((3, "a"), (4, "b")):
        write_study(tmp_path / name, {"kNN": [0.5]}, settings={"protocol.val_seed": seed}, first_seed=seed)
    assert len(collect_studies([tmp_path / "a", tmp_path / "b"])) == 2


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        collect_studies([tmp_path / "gone"])
    with pytest.raises(UserError, match=r"no run with a result\.json"):
        collect_studies([tmp_path])
    with pytest.raises(UserError, match="luck cannot be allowed; what can is versions, data, protocol"):
        collect_studies([tmp_path], allow=["luck"])


def test_merged_runs_are_reported_into_a_folder(two, tmp_path):
    out = tmp_path / "new" / "merged"
    found = report_runs(two(torch="2.2"), out=out, allow=["versions"], metrics=["refined_map@r"])
    assert {path.name for path in found.files} == {
        "results.csv", "cells.csv", "differences.csv", "dots-refined_map@r.png",
    }  # fmt: skip
    assert all(path.parent == out and path.is_file() for path in found.files)
    assert pd.read_csv(out / "differences.csv")["n"].tolist() == [6]
    assert "kNN is 0.8 points above complete" in found.text
    assert "Merged in spite of other versions of packages: torch 2.1 / 2.2." in " ".join(found.text.split())


def test_a_study_is_reported_beside_its_runs_and_a_table_goes_where_it_is_asked_for(write_study, tmp_path):
    folder = write_study(tmp_path / "s", CELLS)
    table = report_runs([folder], out=tmp_path / "table.md", metrics=["refined_map@r"])
    assert table.files == (tmp_path / "table.md",)
    assert (tmp_path / "table.md").read_text() == f"{table.text}\n"
    assert not (folder / "cells.csv").exists()
    whole = report_runs([folder], metrics=["refined_map@r"])
    assert {path.parent for path in whole.files} == {folder}
    assert (folder / "cells.csv").is_file()
    with pytest.raises(UserError, match="text, latex, markdown, csv"):
        report_runs([folder], style="html")
