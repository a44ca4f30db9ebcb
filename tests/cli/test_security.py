"""Files from elsewhere: whatever a checkpoint asks for, nothing of it runs, and little memory is taken.

Every hostile file is read by the program in another process, whose path holds a module that leaves a file wherever it
is imported, called, or asked for anything.
"""

import copy
import json
import os
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from gnn_dml.cli.main import main
from gnn_dml.experiments.checkpoint import read_checkpoint

TRAP = """
import pathlib
import gnn_dml.layers
LEFT = pathlib.Path(__file__).parent / "left" / "imported"
LEFT.touch()

class Trap:
    def __init__(self, *args, **kwargs):
        LEFT.with_name("called").touch()
        raise RuntimeError("called")

def make(*args, **kwargs):
    Trap()
"""

# One process for all of the files, since loading torch takes longer than refusing one.
READ_ALL = """
import contextlib, io, json, os, resource, sys
from gnn_dml.cli.main import main
import gnn_dml.cli.embed, gnn_dml.cli.evaluate, gnn_dml.cli.search
import gnn_dml.experiments.evaluate_models, gnn_dml.experiments.trained
import torch
pages = int(open("/proc/self/statm").read().split()[0]) if os.path.exists("/proc/self/statm") else 0
if pages:
    limit = pages * resource.getpagesize() + 3 * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
found = {}
for name, arguments in json.load(open(sys.argv[1])).items():
    said = io.StringIO()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = main(arguments)
        except BaseException as error:
            code = f"{type(error).__name__}: {error}"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    left = sorted(os.listdir(sys.argv[2]))
    found[name] = {"code": code, "said": said.getvalue(), "grown": grown}
    found[name]["left"] = left
json.dump(found, sys.stdout)
"""

TRAPPED = {"_target_": "trap.Trap", "path": "left/made"}

# What stands where in the configuration, and a part of what is said.
CONFIGS = {
    "a foreign class": ({"backbone": TRAPPED}, "backbone._target_='trap.Trap' is refused"),
    "a class as the graph": ({"graph": TRAPPED}, "graph._target_='trap.Trap' is refused"),
    "a class as the layer": ({"layer": TRAPPED}, "layer._target_='trap.Trap' is refused"),
    "a class in the refiner": ({"refiner": TRAPPED}, "refiner._target_='trap.Trap' is refused"),
    "a partial in the backbone": (
        {"backbone.extra": {"_partial_": True, **TRAPPED}},
        "backbone.extra._target_='trap.Trap' is refused",
    ),
    "a partial in the optimizer": (
        {"optimizer.factory": {"_target_": "torch.optim.AdamW", "_partial_": True, "inner": {"deep": [TRAPPED]}}},
        "optimizer.factory.inner.deep.0._target_='trap.Trap' is refused",
    ),
    "a list": ({"layer.heads": [1, [TRAPPED]]}, "layer.heads.1.0._target_='trap.Trap' is refused"),
    "get_method": (
        {"graph": {"_target_": "hydra.utils.get_method", "path": "trap.make"}},
        "graph._target_='hydra.utils.get_method' is refused",
    ),
    "get_class": (
        {"graph": {"_target_": "hydra.utils.get_class", "path": "trap.Trap"}},
        "graph._target_='hydra.utils.get_class' is refused",
    ),
    "get_object": (
        {"layer": {"_target_": "hydra.utils.get_object", "path": "trap.make"}},
        "layer._target_='hydra.utils.get_object' is refused",
    ),
    "instantiate": (
        {"graph": {"_target_": "hydra.utils.instantiate", "config": TRAPPED}},
        "graph._target_='hydra.utils.instantiate' is refused",
    ),
    "a module's own import": (
        {"graph": {"_target_": "gnn_dml.atomic.os.mkdir", "path": "left/made"}},
        "graph._target_='gnn_dml.atomic.os.mkdir' is refused",
    ),
    "a function that a module imports": (
        {"graph": {"_target_": "gnn_dml.experiments.build.instantiate", "config": TRAPPED}},
        "graph._target_='gnn_dml.experiments.build.instantiate' is refused",
    ),
    "a class of the package in another's place": (
        {"graph": {"_target_": "gnn_dml.data.read_folder", "root": "left"}},
        "graph._target_='gnn_dml.data.read_folder' is refused",
    ),
    "dataset.source": ({"dataset.source": TRAPPED}, "dataset.source._target_='trap.Trap' is refused"),
    "dataset.transform": ({"dataset.transform": TRAPPED}, "dataset.transform._target_='trap.Trap' is refused"),
    "_args_ in the loss": ({"loss.terms": {"mine": {"_args_": [1]}}}, "loss.terms.mine holds the key '_args_'"),
    "sampler": ({"sampler": TRAPPED}, "sampler._target_='trap.Trap' is refused"),
    "a part of its own": ({"mine": TRAPPED}, "mine._target_='trap.Trap' is refused"),
    "no name": ({"graph._target_": ["trap.Trap"]}, "graph._target_ must be the name of a class"),
    "a part that is text": ({"refiner": "text"}, "its configuration lacks refiner"),
    "a protocol that is text": ({"protocol": "text"}, "its configuration lacks protocol"),
    "_args_": ({"graph._args_": [3]}, "graph holds the key '_args_'"),
    "_recursive_": ({"graph._recursive_": False}, "graph holds the key '_recursive_'"),
    "_convert_": ({"backbone._convert_": "all"}, "backbone holds the key '_convert_'"),
    "_partial_": ({"graph._partial_": "${oc.env:HOME}"}, "graph._partial_ must be true or false"),
    "an interpolation": ({"dataset.classes": "${oc.env:HOME}"}, "dataset.classes='${oc.env:HOME}' is refused"),
    "an interpolated target": ({"graph._target_": "${cell}"}, "graph._target_='${cell}' is refused"),
    "an interpolated key": ({"graph": {"${oc.env:HOME}": 1}}, "graph holds the key '${oc.env:HOME}'"),
    "an integer without end": ({"graph.k": 2**70}, "graph.k is a whole number of 71 bits"),
    "a huge k": ({"graph.k": 10**9}, "graph.k=1000000000 in the checkpoint is above"),
    "a huge num_layers": ({"refiner.num_layers": 10**9}, "refiner.num_layers=1000000000 in the checkpoint is above 1"),
    "a huge dim": ({"backbone.dim": 10**9}, "backbone.dim=1000000000 in the checkpoint is above"),
    "a huge width": ({"backbone.width": 10**9}, "backbone.width=1000000000 in the checkpoint is above"),
    "a width within bounds": ({"backbone.width": 1000}, "the weights in the checkpoint do not fit its configuration"),
    "huge heads": ({"layer.num_heads": 2**40}, "layer.num_heads=1099511627776 in the checkpoint is above"),
    "a huge image": ({"dataset.transform.size": 10**6}, "dataset.transform.size=1000000 in the checkpoint is above"),
    "a size below zero": ({"dataset.transform.size": -1}, "dataset.transform.size must be at least 1, not -1"),
    "huge neighbourhoods": ({"protocol.neighbours": 10**9}, "protocol.neighbours=1000000000 in the checkpoint"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder that is on the path of the other processes."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "left").mkdir()
    (folder / "trap.py").write_text(TRAP)
    return folder


def parts(run):
    """What the checkpoint of a run holds."""
    return torch.load(run / "best.pt", weights_only=True)


def changed(config, settings):
    """A configuration with other values in some places."""
    config = copy.deepcopy(config)
    for where, value in settings.items():
        *names, last = where.split(".")
        part = config
        for name in names:
            part = part[name]
        part[last] = value
    return config


def environment(place):
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), *filter(None, sys.path)])}


@pytest.fixture(scope="module")
def other_process(processes):
    """The program in a process of its own."""

    def call(place, *arguments):
        return processes.run("-m", "gnn_dml.cli.main", *arguments, cwd=place, env=environment(place))

    return call


def weights_of_stride_zero(held):
    """A layer of a billion numbers that are one number in the file."""
    name = next(name for name, tensor in held["weights"].items() if tensor.dim() == 2)
    return {**held, "weights": {**held["weights"], name: torch.zeros(1).expand(2**15, 2**15)}}


@pytest.fixture(scope="module")
def refused(run, noisy_archive, place, processes):
    """For each hostile file what the program did with it."""
    held, asked = parts(run), {}
    image = str(place / "photo.png")
    Image.new("RGB", (64, 64)).save(image)

    def add(name, content, *settings):
        folder = place / f"file {len(asked)}"
        folder.mkdir()
        torch.save(content, folder / "best.pt")
        asked[name] = ["evaluate", str(folder / "best.pt"), *settings, "--device", "cpu"]

    for name, (settings, _) in CONFIGS.items():
        # The images are said, so that nothing else can stop it.
        add(name, {**held, "config": changed(held["config"], settings)}, f"dataset.root={noisy_archive}")
    add("a huge num_classes", {**held, "num_classes": 10**9})
    add("a num_classes within bounds", {**held, "num_classes": 1000}, f"dataset.root={noisy_archive}")
    add("stride 0", weights_of_stride_zero(held))
    # All three commands read files in one place; some of the attacks show that they do.
    for name in ALSO_ELSEWHERE:
        _, path, *settings = asked[name]
        asked[f"embed: {name}"] = ["embed", path, *settings, "--out", "left/vectors.parquet"]
        asked[f"search: {name}"] = ["search", path, image, *settings, "--out", "left/found.png"]
    (place / "asked.json").write_text(json.dumps(asked))
    done = processes.run("-c", READ_ALL, place / "asked.json", place / "left", cwd=place, env=environment(place))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SAID = {name: message for name, (_, message) in CONFIGS.items()} | {
    "a huge num_classes": "num_classes=1000000000 in the checkpoint is above",
    "a num_classes within bounds": "the weights in the checkpoint do not fit its configuration",
    "stride 0": "has the shape (32768, 32768), and the file holds fewer numbers for it",
}
ALSO_ELSEWHERE = (
    "a foreign class",
    "a partial in the backbone",
    "get_method",
    "a module's own import",
    "dataset.source",
    "_args_",
    "an interpolation",
    "huge heads",
    "a width within bounds",
    "stride 0",
)
SAID |= {f"{command}: {name}": SAID[name] for command in ("embed", "search") for name in ALSO_ELSEWHERE}


@pytest.mark.parametrize("name", SAID)
def test_a_hostile_file_is_refused_in_a_sentence_and_nothing_runs(name, refused):
    found = refused[name]
    assert (found["code"], found["left"]) == (2, []), found["said"]
    assert SAID[name] in found["said"]
    command = name.partition(": ")[0] if ": " in name else "evaluate"
    assert found["said"].startswith(f"gnn-dml {command}: ")
    assert found["said"].count("\n") == 1
    assert found["grown"] < 300_000  # KiB


def test_the_trap_would_have_left_a_file(run, noisy_archive, other_process, tmp_path):
    (tmp_path / "left").mkdir()
    (tmp_path / "trap.py").write_text(TRAP)
    held = parts(run)
    path = tmp_path / "hostile.pt"
    torch.save({**held, "config": changed(held["config"], {"graph": TRAPPED})}, path)
    settings = ["evaluate", path, f"dataset.root={noisy_archive}", "--device", "cpu"]
    done = other_process(tmp_path, *settings)
    assert (done.returncode, [path.name for path in (tmp_path / "left").iterdir()]) == (2, [])
    assert "graph._target_='trap.Trap' is refused" in done.stderr
    trusting = other_process(tmp_path, *settings, "--trust", "trap")
    assert trusting.returncode != 0
    assert sorted([path.name for path in (tmp_path / "left").iterdir()]) == ["called", "imported"]


def test_without_an_attack_the_other_commands_do_leave_their_files(run, noisy_archive, program, tmp_path):
    """So that an empty folder above says something."""
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    torch.save(parts(run), tmp_path / "best.pt")
    typed = [f"dataset.root={noisy_archive}", "--device", "cpu"]
    program("embed", tmp_path / "best.pt", *typed, "--out", tmp_path / "vectors.parquet")
    program("search", tmp_path / "best.pt", tmp_path / "photo.png", *typed, "--out", tmp_path / "found.png")
    assert {path.name for path in tmp_path.iterdir()} == {"best.pt", "photo.png", "vectors.parquet", "found.png"}


MINE = """
from os import mkdir
from gnn_dml.graphs import KNN
import os

class Near(KNN):
    pass
"""


@pytest.fixture
def own(place, monkeypatch):
    """A user's package on the path."""
    folder = place / "ownlib"
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "graphs.py").write_text(MINE)
    monkeypatch.syspath_prepend(place)


def naming(run, folder, target, **arguments):
    """The checkpoint of a run with another graph."""
    held = parts(run)
    torch.save(
        {**held, "config": changed(held["config"], {"graph": {"_target_": target, **arguments}})}, folder / "a.pt"
    )
    return folder / "a.pt"


def test_trust_is_for_what_the_package_defines(run, noisy_archive, own, program, tmp_path):
    path = naming(run, tmp_path, "ownlib.graphs.Near", k=3)
    settings = [path, f"dataset.root={noisy_archive}", "--device", "cpu", "--json"]
    assert "add --trust PACKAGE" in program("evaluate", *settings, code=2)
    assert "add --trust PACKAGE" in program("evaluate", *settings, "--trust", "ownlib.gra", code=2)
    assert "--trust takes the name of a Python package" in program("evaluate", *settings, "--trust", "own lib", code=2)
    found = json.loads(program("evaluate", *settings, "--trust", "ownlib"))
    assert found["refined_recall@1"] == json.loads(program("evaluate", run, "--json"))["refined_recall@1"]


@pytest.mark.parametrize("target", ["ownlib.graphs.mkdir", "ownlib.graphs.os.mkdir", "ownlib.graphs.KNN.__class__"])
def test_trust_is_not_for_what_the_package_imports(run, noisy_archive, own, program, tmp_path, target):
    path = naming(run, tmp_path, target, path=str(tmp_path / "made"))
    said = program("evaluate", path, f"dataset.root={noisy_archive}", "--trust", "ownlib", code=2)
    assert f"graph._target_='{target}' is" in said
    assert not (tmp_path / "made").exists()


def test_a_config_dir_allows_the_classes_that_its_yamls_name(run, noisy_archive, program, tmp_path):
    settings = tmp_path / "mine"
    (settings / "graph").mkdir(parents=True)
    (settings / "own_graphs_of_a_user.py").write_text(MINE)
    (settings / "graph" / "near.yaml").write_text("_target_: own_graphs_of_a_user.Near\nk: 3\n")
    typed = [f"dataset.root={noisy_archive}", "--device", "cpu", "--json"]
    path = naming(run, tmp_path, "own_graphs_of_a_user.Near", k=3)
    assert "is refused" in program("evaluate", path, *typed, code=2)
    found = json.loads(program("evaluate", path, *typed, "--config-dir", settings))
    assert found["refined_recall@1"] > 0
    path = naming(run, tmp_path, "own_graphs_of_a_user.mkdir", path=str(tmp_path / "made"))
    assert "is refused" in program("evaluate", path, *typed, "--config-dir", settings, code=2)
    assert not (tmp_path / "made").exists()


OWN_LOSS = """
import torch

class Far(torch.nn.Module):
    def forward(self, embeddings, labels):
        return -embeddings.std(0).mean()
"""


def test_an_own_loss_is_needed_to_train_and_not_to_evaluate(noisy_archive, program, tmp_path, other_process):
    """Without the folder, and in another process, where its module is not to be found."""
    (tmp_path / "mine" / "loss").mkdir(parents=True)
    (tmp_path / "mine" / "own_loss_of_a_user.py").write_text(OWN_LOSS)
    (tmp_path / "mine" / "loss" / "far.yaml").write_text(
        "terms: {far: {_target_: gnn_dml.losses.EmbeddingLoss, loss: {_target_: own_loss_of_a_user.Far}}}\n"
    )
    small = ["backbone.width=4", "backbone.dim=16", "protocol.epochs=1", "protocol.neighbours=4", "device=cpu"]
    batches = ["protocol.classes_per_batch=4", "protocol.images_per_class=4", "graph=none", "loss=far"]
    typed = [f"dataset.root={noisy_archive}", f"out={tmp_path / 'runs'}", "pictures=false"]
    program("train", "--config-dir", tmp_path / "mine", *small, *batches, *typed)
    (result,) = (tmp_path / "runs").glob("single/*/result.json")
    assert parts(result.parent)["config"]["loss"]["terms"]["far"]["loss"]["_target_"] == "own_loss_of_a_user.Far"
    done = other_process(tmp_path, "evaluate", result.parent, "--json", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["backbone_recall@1"] == json.loads(result.read_text())["backbone_recall@1"]


def test_a_hostile_loss_is_dropped(run, noisy_archive, place, tmp_path, other_process):
    held, path = parts(run), tmp_path / "best.pt"
    torch.save({**held, "config": changed(held["config"], {"loss": {"terms": {"mine": TRAPPED}}})}, path)
    assert "loss" not in read_checkpoint(path).config
    done = other_process(place, "evaluate", path, f"dataset.root={noisy_archive}", "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    assert list((place / "left").iterdir()) == []


def test_a_refiner_of_ten_thousand_layers_ends_in_a_sentence(published_weights, program, trees, tmp_path):
    _, cnn = published_weights.make_cnn()
    torch.save(cnn, tmp_path / "cnn.pth")
    one = torch.zeros(1)
    names = [f"gnn_model.node_model.layers.{i}.norm1.weight" for i in range(9_900)]
    torch.save(dict.fromkeys(names, one), tmp_path / "gnn.pth")
    root = trees.write_folder(tmp_path / "images", classes=4, images=2)
    said = program(
        "evaluate",
        tmp_path / "cnn.pth",
        "--refiner",
        tmp_path / "gnn.pth",
        "--dataset",
        "folder",
        f"dataset.root={root}",
        "backbone=resnet18",
        code=2,
    )
    assert "the checkpoint names 9900 layers in its 9900 tensors" in said
    torch.save(dict.fromkeys([*names, *(f"more.{i}" for i in range(91_100))], one), tmp_path / "gnn.pth")
    said = program("evaluate", tmp_path / "cnn.pth", "--refiner", tmp_path / "gnn.pth", "--dataset", "cub", code=2)
    assert "holds 101000 tensors, and 100000 are the most that are read" in said


@pytest.fixture(scope="module")
def folder_run(trees, tmp_path_factory):
    """A run on a folder of images."""
    place = tmp_path_factory.mktemp("folder")
    root = trees.write_folder(place / "images", classes=6, images=3)
    settings = [
        "dataset=folder", f"dataset.root={root}", f"out={place / 'runs'}", "backbone=small_cnn", "backbone.width=4",
        "backbone.dim=16", "layer=dot_product", "layer.num_heads=1", "optimizer=adamw", "protocol.epochs=0",
        "dataset.transform.size=64", "dataset.transform.resize=72", "protocol.neighbours=4", "device=cpu",
        "protocol.classes_per_batch=2", "protocol.images_per_class=2", "pictures=false",
    ]  # fmt: skip
    assert main(["train", *settings]) == 0
    (result,) = (place / "runs").glob("single/*/result.json")
    return result.parent, root


def values(held):
    """Every string inside."""
    if isinstance(held, dict):
        for name, value in held.items():
            yield from (*values(name), *values(value))
    elif isinstance(held, (list, tuple)):
        for value in held:
            yield from values(value)
    elif isinstance(held, str):
        yield held


def test_a_checkpoint_brings_no_path(folder_run, program, tmp_path, monkeypatch):
    run, root = folder_run
    held = parts(run)
    strings = list(values({**held, "weights": None}))
    assert not [
        text for text in strings if str(root) in text or str(run.parents[2]) in text or Path(text).is_absolute()
    ]
    assert str(root).encode() not in (run / "best.pt").read_bytes()
    monkeypatch.chdir(tmp_path)
    away = json.loads(program("evaluate", run, "--device", "cpu", "--json"))
    (tmp_path / "best.pt").write_bytes((run / "best.pt").read_bytes())
    said = program("evaluate", tmp_path / "best.pt", code=2)
    assert "add dataset.root=..., where the images of dataset=folder are" in said
    again = json.loads(program("evaluate", tmp_path / "best.pt", f"dataset.root={root}", "--json", "--device", "cpu"))
    assert again["backbone_recall@1"] == away["backbone_recall@1"]


def test_a_cache_in_a_checkpoint_creates_nothing(folder_run, program, tmp_path):
    run, root = folder_run
    held = parts(run)
    for place in (tmp_path / "cache", "cache"):
        config = changed(held["config"], {"dataset.cache": str(place), "dataset.root": str(root)})
        torch.save({**held, "config": config, "left_out": ["dataset.root", "dataset.cache"]}, tmp_path / "best.pt")
        for beside in (None, {"dataset": {"cache": str(tmp_path / "cache")}}):
            if beside is not None:
                (tmp_path / "config.yaml").write_text(yaml.safe_dump(beside))
            program("evaluate", tmp_path / "best.pt", f"dataset.root={root}", "--device", "cpu")
            assert not (tmp_path / "cache").exists()
            (tmp_path / "config.yaml").unlink(missing_ok=True)


def test_of_a_config_yaml_nothing_but_paths_of_the_data_set_is_taken(run, place, other_process, program, tmp_path):
    (tmp_path / "best.pt").write_bytes((run / "best.pt").read_bytes())
    config = yaml.safe_load((run / "config.yaml").read_text())
    before = json.loads(program("evaluate", run, "--json", "--device", "cpu"))

    def write(settings):
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed(config, settings)))

    hostile = {"graph": TRAPPED, "backbone": TRAPPED, "dataset.transform": TRAPPED, "out": "${oc.env:HOME}"}
    write({**hostile, "dataset.source._target_": "trap.Trap", "loss.terms": {"a": TRAPPED}, "backbone.weights": "/x"})
    done = other_process(place, "evaluate", tmp_path, "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["refined_recall@1"] == pytest.approx(before["refined_recall@1"])
    assert list((place / "left").iterdir()) == []
    for value in ("${oc.env:HOME}", {"_target_": "trap.Trap"}, 7):
        write({"dataset.root": value})
        assert "dataset.root must be a path, word for word, or null" in program("evaluate", tmp_path, code=2)
    (tmp_path / "config.yaml").write_text("a: !!python/object/apply:os.mkdir [made]")
    assert "cannot be read (ConstructorError)" in program("evaluate", tmp_path, code=2)
    bomb = "a: &a {x: 1}\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} {{<<: *{chr(97 + i)}}}\n" for i in range(8))
    (tmp_path / "config.yaml").write_text(bomb)
    assert "it merges mappings" in program("evaluate", tmp_path, code=2)


def test_an_older_checkpoint_with_paths_loses_them(folder_run, tmp_path):
    run, root = folder_run
    held = parts(run)
    settings = {"dataset.root": str(root), "dataset.source.root": str(root), "out": "/tmp/out"}
    config = {**changed(held["config"], settings), "overrides": "graph=${oc.env:HOME}"}
    del config["augmentation_seed"], config["drop_edge"]
    old = {name: held[name] for name in ("epoch", "num_classes", "weights")}
    torch.save({**old, "config": config}, tmp_path / "old.pt")
    found = read_checkpoint(tmp_path / "old.pt")
    assert found.config["dataset"]["root"] is None
    assert found.config["dataset"]["source"]["root"] is None
    assert found.config["out"] is None
    assert {"dataset.root", "dataset.source.root"} <= set(found.left_out)
    for name, tensor in found.learner().state_dict().items():
        assert torch.equal(tensor, held["weights"][name])
