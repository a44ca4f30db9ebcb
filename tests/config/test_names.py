"""Groups and studies, of the package and of a user's own folder."""

import subprocess
import sys

import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.config.identity import run_id
from gnn_dml.config.names import groups, open_config_dirs, studies
from gnn_dml.errors import UserError
from gnn_dml.experiments.study import plan, read_study

TOPOLOGY = """
from gnn_dml.graphs import KNN


class Farthest(KNN):
    def _scores(self, x):
        return -super()._scores(x)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder as a user makes it, with a blank and a quotation mark in its name."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "it's mine"
    for name in ("graph", "study"):
        (folder / name).mkdir(parents=True)
    (folder / "own_farthest.py").write_text(TOPOLOGY)
    (folder / "graph" / "farthest.yaml").write_text("# Mine.\n_target_: own_farthest.Farthest\nk: 4\n")
    (folder / "study" / "ours.yaml").write_text("cells: {far: [graph=farthest], near: [graph=knn]}\n")
    return folder


def test_own_names_stand_beside_those_of_the_package(own):
    dirs = open_config_dirs([own])
    assert set(groups(dirs)["graph"]) == {*groups()["graph"], "farthest"}
    assert set(studies(dirs)) == {*studies(), "ours"}


def test_an_own_class_has_its_own_settings_and_its_name_in_the_run(own):
    config = resolve(["graph=farthest", "graph.k=3"], config_dirs=open_config_dirs([own]))
    assert config["graph"] == {"_target_": "own_farthest.Farthest", "k": 3}
    assert run_id(config).startswith("small_cnn-farthest-dot_product-s0-")
    with pytest.raises(UserError, match=r"'graph\.kk' is unknown; graph has k\. Did you mean graph\.k\?"):
        resolve(["graph=farthest", "graph.kk=3"], config_dirs=open_config_dirs([own]))


def test_edited_code_is_another_run(own):
    dirs = open_config_dirs([own])
    first = run_id(resolve(["graph=farthest"], config_dirs=dirs))
    (own / "own_farthest.py").write_text(TOPOLOGY.replace("-super()", "-2 * super()"))
    assert run_id(resolve(["graph=farthest"], config_dirs=dirs)) != first


def test_an_own_study_is_found_by_its_name(own):
    dirs = open_config_dirs([own])
    study = read_study("ours", dirs)
    assert [config["choices"]["graph"] for config in plan(study, [0], config_dirs=dirs)] == ["farthest", "knn"]


def test_without_the_folder_its_names_are_unknown(own):
    with pytest.raises(UserError, match="graph=farthest is unknown"):
        resolve(["graph=farthest"])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, "--config-dir .* must be a folder"),
        ("other/x.yaml", "holds none of the folders .*graph.*study"),
        ("graph/knn.yaml", "graph=knn is one of the package; rename the file"),
    ],
)
def test_a_folder_that_would_not_work_is_named(tmp_path, made, message):
    folder = tmp_path / "own"
    if made is not None:
        (folder / made).parent.mkdir(parents=True)
        (folder / made).write_text("a: 1\n")
    with pytest.raises(UserError, match=message):
        open_config_dirs([folder])


def test_settings_load_no_torch():
    script = (
        "import sys\n"
        "import gnn_dml.config.test_time, gnn_dml.config.transfer, gnn_dml.config.upgrade, gnn_dml.experiments\n"
        "from gnn_dml.config.compose import resolve\n"
        "from gnn_dml.config.identity import run_id\n"
        "run_id(resolve(['graph=knn']))\n"
        "print([name for name in ('torch', 'pandas', 'matplotlib', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("place", ["graph/bomb.yaml", "layer/parts/bomb.yaml"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "k0: &k0 [1, 2]\n" + "".join(f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 8)}]\n" for i in range(1, 12)),
            "100000",
        ),
        ("k: &k {again: *k}\n", "an alias of itself"),
        ("k: " + "[" * 200 + "]" * 200 + "\n", "nested more than 50 deep"),
        ("k: [1,\n", "is no YAML"),
        ("k: 1\nk: 2\n", "has k more than once"),
    ],
)
def test_a_file_that_would_fill_the_memory_is_refused_before_it_is_composed(own, place, text, said):
    file = own / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        open_config_dirs([own])
    assert str(file) in str(caught.value)
    file.unlink()
    (own / "notes.yaml").write_text(text)  # of no group, so nobody reads it
    open_config_dirs([own])
