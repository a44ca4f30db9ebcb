"""What a dry build finds before a run starts, and that it lets pass what works, without moving any random state."""

import subprocess
import sys

import pytest
import torch

from gnn_dml.config.compose import resolve
from gnn_dml.config.names import groups
from gnn_dml.errors import UserError
from gnn_dml.experiments.api import run_study, train
from gnn_dml.experiments.dry_build import DryBuild, dry_build
from gnn_dml.experiments.study import Study


def changed(settings=(), **parts):
    """A configuration that was checked, with parts put in by hand as a YAML of one's own would."""
    return {**resolve(list(settings)), **parts}


@pytest.mark.parametrize("name", groups()["graph"])
def test_every_graph_of_the_package_passes(name):
    before = torch.get_rng_state()
    dry_build(resolve([f"graph={name}"]))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("group", ["layer", "sampler", "optimizer", "loss"])
def test_every_other_name_passes(group):
    attempt = DryBuild()
    for name in groups()[group]:
        attempt(resolve([f"{group}={name}"]))


WRONG = [
    ({"graph": {"_target_": "gnn_dml.graphs.KNN", "k": 64}}, r"^graph=complete: KNN\(k=64.*graph of 64 nodes"),
    ({"graph": {"_target_": "no.such.Class"}}, r"^graph=complete: _target_=no\.such\.Class cannot be built"),
    ({"graph": {"_target_": "torch_geometric.transforms.NormalizeFeatures"}}, r"^graph=complete: NormalizeFeatures"),
    ({"optimizer": {"factory": {"_target_": "torch.nn.ReLU"}, "lr": 0.1}}, r"^optimizer: "),
    ({"sampler": {"_target_": "torch.nn.ReLU"}}, r"^sampler: "),
]


@pytest.mark.parametrize(("parts", "message"), WRONG)
def test_what_cannot_work_is_one_sentence(parts, message):
    with pytest.raises(UserError, match=message) as caught:
        dry_build(changed(**parts))
    assert "\n" not in str(caught.value)


def test_weights_are_given_and_taken():
    config = resolve(["graph=threshold", "refiner.weighted=true"])
    dry_build(config)
    with pytest.raises(UserError, match=r"needs a graph with edge weights, and Complete.* has none"):
        dry_build({**config, "graph": resolve([])["graph"]})
    with pytest.raises(UserError, match="needs a layer that takes edge weights, and GATConv does not"):
        dry_build({**config, "layer": resolve(["layer=gat"])["layer"]})


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with a topology that reads labels without saying so."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "own"
    (folder / "graph").mkdir(parents=True)
    (folder / "own_silent.py").write_text(
        "from torch_geometric.transforms import BaseTransform\n\n\n"
        "class Silent(BaseTransform):\n"
        "    def forward(self, data):\n"
        "        data.edge_index = (data.y[:, None] == data.y).nonzero().T\n"
        "        return data\n"
    )
    (folder / "graph" / "silent.yaml").write_text("# Mine.\n_target_: own_silent.Silent\n")
    return folder


def test_no_run_of_a_study_starts_where_one_cell_cannot_work(own, tiny_settings, tmp_path):
    study = Study("mine", (0,), (), {"good": ("graph=knn", "graph.k=3"), "bad": ("graph=silent",)})
    with pytest.raises(UserError, match=r"^cell 'bad' of the study mine: graph=silent: Silent\(\) works with labels"):
        run_study(study, settings=tiny_settings, config_dirs=[own])
    assert not (tmp_path / "runs").exists()


def test_no_single_run_starts_either(own, tiny_settings, tmp_path):
    with pytest.raises(UserError, match=r"^graph=silent: Silent\(\) works with labels"):
        train(["graph=silent", *tiny_settings], config_dirs=[own])
    assert not (tmp_path / "runs").exists()


ASKS = """
import sys
from gnn_dml.config.compose import resolve
from gnn_dml.experiments.api import try_to_build

class Asked(BaseException):
    pass

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise Asked

sys.meta_path.insert(0, Watch())
try_to_build([resolve(sys.argv[1:])])
print("not asked")
try:
    try_to_build([resolve([*sys.argv[1:], "seed=1"])])
except Asked:
    print("asked")
"""


def test_what_is_finished_is_not_built_again(tiny_settings):
    """A process that finds everything done needs no torch for that; one that does not asks for it."""
    settings = ["graph=none", "protocol.epochs=0", *(one for one in tiny_settings if "epochs" not in one)]
    train(settings)
    done = subprocess.run([sys.executable, "-c", ASKS, *settings], capture_output=True, text=True, check=True)
    assert done.stdout == "not asked\nasked\n"
