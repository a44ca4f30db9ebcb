import json
import signal
import sys
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from gnn_dml.errors import UserError
from gnn_dml.results import collect


def put(folder_of_study: Path, run_id: str, **columns: object) -> Path:
    row = {"run_id": run_id, "cell": "kNN", "overrides": "", "seed": 0, "status": "finished", **columns}
    folder = folder_of_study / run_id
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(row), encoding="utf-8")
    return folder / "result.json"


def test_rows_follow_the_listed_cells_then_the_alphabet_then_overrides_and_seed(tmp_path):
    put(tmp_path, "a", cell="zebra")
    put(tmp_path, "b", cell="apple")
    put(tmp_path, "c", cell="kNN", seed=10)
    put(tmp_path, "d", cell="kNN", seed=2)
    put(tmp_path, "e", cell="kNN", seed=1, overrides="epochs=3")
    put(tmp_path, "f", cell="complete")
    (tmp_path / "cells.json").write_text('["kNN", "absent", "complete"]')
    assert list(collect(tmp_path)["run_id"]) == ["d", "c", "e", "f", "b", "a"]


def test_without_a_list_cells_are_alphabetical(tmp_path):
    put(tmp_path, "1", cell="kNN")
    put(tmp_path, "2", cell="complete")
    assert list(collect(tmp_path)["cell"]) == ["complete", "kNN"]


def test_columns_have_a_stable_order_and_unknown_ones_come_last(tmp_path):
    put(tmp_path, "a", zeal=1, **{"refined_nmi": 0.1, "backbone_recall@1": 0.5, "alpha": "x", "study": "s"})
    leading = ["run_id", "study", "cell", "overrides", "seed", "status"]
    assert list(collect(tmp_path).columns) == [*leading, "backbone_recall@1", "refined_nmi", "alpha", "zeal"]


def test_null_is_missing_and_never_zero(tmp_path):
    put(tmp_path, "a", seed=0, selected_on=None, uses_labels=None, **{"backbone_recall@1": 0.25})
    put(tmp_path, "b", seed=1, status="diverged", uses_labels=True, **{"backbone_recall@1": None})
    put(tmp_path, "c", seed=2, refined_nmi=None)
    frame = collect(tmp_path)
    assert frame["backbone_recall@1"].dtype == float
    assert frame["refined_nmi"].dtype == float
    assert frame["refined_nmi"].isna().all()
    assert frame["backbone_recall@1"].isna().tolist() == [False, True, True]
    assert frame["selected_on"].tolist() == ["", "", ""]
    assert frame["uses_labels"].tolist() == [False, True, False]


def test_unfinished_runs_are_ignored(tmp_path):
    put(tmp_path, "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "metrics.csv").write_text("epoch,loss\n1,2.0\n")
    assert list(collect(tmp_path)["run_id"]) == ["a"]


def test_the_csv_holds_the_frame(tmp_path):
    put(tmp_path, "a", **{"backbone_recall@1": 1 / 3, "refined_recall@1": None, "selected_on": "val"})
    frame = collect(tmp_path)
    back = pd.read_csv(tmp_path / "results.csv", keep_default_na=False, na_values={"refined_recall@1": ""})
    pd.testing.assert_frame_equal(back, frame, check_dtype=False, check_exact=True)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")) == ["a", "results.csv"]


def test_collecting_again_sees_new_runs(tmp_path):
    put(tmp_path, "a")
    collect(tmp_path)
    put(tmp_path, "b", seed=1)
    collect(tmp_path)
    assert list(pd.read_csv(tmp_path / "results.csv")["run_id"]) == ["a", "b"]


@pytest.mark.parametrize("content", ['{"run_id": "a", "ce', "", "\x00\xff", "[1, 2]", "null"])
def test_a_broken_result_is_named_and_the_others_are_there(tmp_path, content):
    path = put(tmp_path, "good").parent.parent / "bad" / "result.json"
    path.parent.mkdir()
    path.write_bytes(content.encode("latin-1"))
    frame = collect(tmp_path)
    assert frame["run_id"].tolist() == ["good"]
    assert str(path) in frame.attrs["damaged"][0]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"seed": None}, "lacks seed"),
        ({"status": "running"}, "running"),
        ({"seed": "0"}, "seed"),
        ({"seed": True}, "seed"),
        ({"backbone_nmi": "0.5"}, "backbone_nmi"),
        ({"val_backbone_recall@1": 55.3}, "fractions"),
        ({"seconds": "long"}, "seconds"),
    ],
)
def test_a_row_that_means_nothing_is_refused_by_column(tmp_path, columns, said):
    put(tmp_path, "odd", **columns)
    with pytest.raises(UserError, match=said):
        collect(tmp_path)


def test_a_slightly_negative_ami_is_a_metric_like_any_other(tmp_path):
    put(tmp_path, "a", backbone_ami=-0.01)
    assert collect(tmp_path)["backbone_ami"].tolist() == [-0.01]


@pytest.mark.parametrize("content", ['{"kNN": 1}', '["kNN", 3]', "["])
def test_a_broken_list_of_cells_is_named_and_costs_the_order_alone(tmp_path, content):
    put(tmp_path, "a")
    (tmp_path / "cells.json").write_text(content)
    assert "cells.json" in collect(tmp_path).attrs["damaged"][0]


def test_a_missing_or_empty_study_is_said(tmp_path):
    with pytest.raises(UserError, match="no study folder"):
        collect(tmp_path / "absent")
    with pytest.raises(UserError, match="no run"):
        collect(tmp_path)
    assert not (tmp_path / "results.csv").exists()


KILLED_WHILE_WRITING = """
import resource, signal, sys
from pathlib import Path
from gnn_dml.results import collect
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # python ignores it; the default is to die
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
collect(Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no file size limit to be killed by")
def test_killed_half_way_the_old_csv_stays(processes, tmp_path):
    put(tmp_path, "a")
    collect(tmp_path)
    old = (tmp_path / "results.csv").read_bytes()
    put(tmp_path, "b", seed=1, note="x" * 20_000)
    ended = processes.run("-c", KILLED_WHILE_WRITING, tmp_path)
    assert ended.returncode == -signal.SIGXFSZ
    assert [path.stat().st_size for path in tmp_path.glob(".partial-*")] == [4096]
    assert (tmp_path / "results.csv").read_bytes() == old
    assert len(collect(tmp_path)) == 2
    assert len(pd.read_csv(tmp_path / "results.csv")) == 2


COLLECTED_BY_MANY = """
import json, sys
from pathlib import Path
import pandas as pd
from gnn_dml.results import collect
study = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for seed in range(10):
    row = {"run_id": f"{sys.argv[2]}{seed}", "cell": sys.argv[2], "seed": seed, "status": "finished"}
    (study / row["run_id"]).mkdir()
    (study / ".new" / row["run_id"]).write_text(json.dumps(row))
    (study / ".new" / row["run_id"]).rename(study / row["run_id"] / "result.json")
    collect(study)
    assert row["run_id"] in set(pd.read_csv(study / "results.csv")["run_id"]), row
"""


def test_two_that_collect_at_once_lose_no_row(processes, tmp_path):
    (tmp_path / ".new").mkdir()
    collectors = [processes.Process("-c", COLLECTED_BY_MANY, tmp_path, name) for name in ("a", "b")]
    assert [collector.stdout.readline() for collector in collectors] == ["ready\n"] * 2
    for collector in collectors:
        collector.stdin.write("go\n")
        collector.stdin.flush()
    for collector in collectors:
        collector.communicate()
    assert [collector.returncode for collector in collectors] == [0, 0]
    assert sorted(pd.read_csv(tmp_path / "results.csv")["run_id"]) == sorted(f"{n}{i}" for n in "ab" for i in range(10))
    assert not list(tmp_path.glob(".partial-*"))


DAMAGE = {
    "deep": "[" * 100_000,
    "other status": '{"run_id": "x", "seed": 0, "status": "done"}',
    "huge seed": '{"run_id": "x", "seed": 1' + "0" * 30 + ', "status": "finished"}',
    "huge number": '{"run_id": "x", "seed": 0, "status": "finished", "epochs": 1' + "0" * 400 + "}",
    "half a pair": '{"run_id": "x", "seed": 0, "status": "finished", "cell": "\\ud800"}',
    "percent": '{"run_id": "x", "seed": 0, "status": "finished", "backbone_recall@1": 58.0}',
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_row_is_said_and_the_others_are_there(tmp_path, name):
    put(tmp_path, "good", **{"backbone_recall@1": 0.5})
    put(tmp_path, "bad").write_text(DAMAGE[name])
    frame = collect(tmp_path)
    assert frame["run_id"].tolist() == ["good"]
    (said,) = frame.attrs["damaged"]
    assert str(tmp_path / "bad" / "result.json") in said
    assert pd.read_csv(tmp_path / "results.csv")["run_id"].tolist() == ["good"]


def test_runs_of_cells_that_are_no_more_are_left_out(tmp_path):
    for name in ("old", "new"):
        put(tmp_path, name)
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "old.json").write_text('{"cell": "kNN", "overrides": "", "former": true}')
    assert collect(tmp_path)["run_id"].tolist() == ["new"]


def test_nan_in_a_row_is_missing(tmp_path):
    put(tmp_path, "a", **{"backbone_recall@1": float("nan"), "epochs": None})
    assert collect(tmp_path)["backbone_recall@1"].isna().all()


def without_locks(monkeypatch):
    """As on a file system that knows none."""

    def acquire(lock, *arguments, **options):
        raise NotImplementedError

    monkeypatch.setattr(FileLock, "acquire", acquire)


def test_a_run_that_ends_while_the_file_is_written_is_in_it_also_without_locks(tmp_path, monkeypatch):
    without_locks(monkeypatch)
    put(tmp_path, "a")
    write = pd.DataFrame.to_csv

    def slow(frame, *arguments, **options):
        if len(frame) < 4:
            put(tmp_path, f"late-{len(frame)}", seed=len(frame))
        return write(frame, *arguments, **options)

    monkeypatch.setattr(pd.DataFrame, "to_csv", slow)
    assert len(collect(tmp_path)) == 4
    assert len(pd.read_csv(tmp_path / "results.csv")) == 4


def test_a_planted_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("kept")
    study = tmp_path / "study"
    put(study, "a")
    (study / ".results.lock").symlink_to(precious)
    assert len(collect(study)) == 1
    assert precious.read_text() == "kept"


def test_rows_come_back_though_their_file_cannot_be_written(tmp_path):
    put(tmp_path, "a")
    (tmp_path / "results.csv").mkdir()
    said = []
    assert len(collect(tmp_path, on_unwritten=said.append)) == 1
    assert len(said) == 1
    assert said[0].startswith(f"cannot write {tmp_path / 'results.csv'}: ")
    with pytest.raises(UserError, match=r"the rows are safe in \*/result\.json"):
        collect(tmp_path)
    assert not list(tmp_path.glob(".partial*"))


def test_a_file_that_says_the_same_is_left_alone(tmp_path):
    put(tmp_path, "a", cell="caf\udce9")
    collect(tmp_path)
    before = (tmp_path / "results.csv").stat().st_mtime_ns
    collect(tmp_path)
    assert (tmp_path / "results.csv").stat().st_mtime_ns == before
    assert pd.read_csv(tmp_path / "results.csv")["cell"].tolist() == [r"caf\xe9"]
    put(tmp_path, "b", seed=1)
    assert len(collect(tmp_path)) == len(pd.read_csv(tmp_path / "results.csv")) == 2
