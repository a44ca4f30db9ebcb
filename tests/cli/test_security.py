"""What a file from somebody else cannot do: each known way in, tried on the real program in a process of its own.

A module on the path leaves a file when it is imported and another when it is called; after a refusal there is none.
"""

import copy
import json
import os
import resource
import subprocess
import sys
import textwrap

import pytest
import torch
import yaml

from gnn_dml.config.compose import resolve
from gnn_dml.experiments.build import build_learner
from gnn_dml.experiments.checkpoint import snapshot

SMALL = ["backbone.width=2", "backbone.dim=8", "device=cpu", "graph=knn", "graph.k=3", "protocol.neighbours=4"]

TRAP = """
import os
from pathlib import Path
from gnn_dml.graphs import KNN

LEFT = Path(__file__).parent / "left"
LEFT.mkdir(exist_ok=True)
(LEFT / "imported").touch()

def spring(*args, **kwargs):
    (LEFT / "called").touch()
    return KNN(3)

class OwnKNN(KNN):
    pass
"""


@pytest.fixture(scope="module")
def good():
    """What a checkpoint file holds."""
    config = resolve(SMALL)
    made = snapshot(config, build_learner(config, 3), 1, 3)
    return {name: getattr(made, name) for name in ("config", "epoch", "num_classes", "weights")}


@pytest.fixture
def attack(tmp_path, good, noisy_archive):
    """Change what is good, write it, evaluate it under a limit of memory; exit code, and what was said."""
    (tmp_path / "path" / "trap").mkdir(parents=True)
    (tmp_path / "path" / "trap" / "__init__.py").write_text(TRAP)
    (tmp_path / "work").mkdir()

    def call(change=None, *options, held=None, name="file.pt", limit=6 * 2**30):
        file = tmp_path / "work" / name
        if held is None:
            held = copy.deepcopy(good)
            if change is not None:
                change(held)
        if held is not False:
            torch.save(held, file)
        paths = os.pathsep.join([str(tmp_path / "path"), *sys.path])
        command = [sys.executable, "-m", "gnn_dml.cli.main", "evaluate", str(file), f"dataset.root={noisy_archive}"]
        done = subprocess.run(
            [*command, "--device", "cpu", *map(str, options)],
            env={**os.environ, "PYTHONPATH": paths},
            cwd=tmp_path / "work",
            capture_output=True,
            text=True,
            timeout=100,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    return call


DRIVER = """
import contextlib, io, json, os, sys
from gnn_dml.cli.main import main

found = {}
for name, command in json.loads(sys.stdin.read()).items():
    said = io.StringIO()
    os.chdir(os.path.dirname(command[1]))
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(command)
    found[name] = [code, said.getvalue()]
print(json.dumps(found))
"""


@pytest.fixture
def attack_all(tmp_path, good, noisy_archive):
    """Many changes, each in a folder of its own, tried one after another in one process: codes and what was said."""
    (tmp_path / "path" / "trap").mkdir(parents=True)
    (tmp_path / "path" / "trap" / "__init__.py").write_text(TRAP)

    def call(changes, limit=6 * 2**30):
        commands = {}
        for number, (name, change) in enumerate(changes.items()):
            held = copy.deepcopy(good)
            change(held)
            folder = tmp_path / "many" / str(number)
            folder.mkdir(parents=True)
            torch.save(held, folder / "file.pt")
            arguments = [str(folder / "file.pt"), f"dataset.root={noisy_archive}", "--device", "cpu"]
            commands[name] = ["evaluate", *arguments]
        paths = os.pathsep.join([str(tmp_path / "path"), *sys.path])
        done = subprocess.run(
            [sys.executable, "-c", DRIVER],
            input=json.dumps(commands),
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )
        assert done.returncode == 0, done.stderr
        assert all([item.name for item in folder.iterdir()] == ["file.pt"] for folder in (tmp_path / "many").iterdir())
        return json.loads(done.stdout.splitlines()[-1])

    return call


@pytest.fixture
def left(tmp_path):
    """The files that the trap has left."""
    return lambda: sorted(path.name for path in (tmp_path / "path" / "trap").glob("left/*"))


def at(*place):
    """A change: the value last named is put where the names before it lead."""
    *names, last, value = place

    def change(held):
        part = held
        for name in names:
            part = part[name]
        part[last] = value

    return change


CALL = {"_target_": "trap.spring"}
FOREIGN = {
    "a class": at("config", "graph", CALL),
    "in a partial": at("config", "layer", {"_target_": "trap.spring", "_partial_": True}),
    "nested": at("config", "layer", "num_heads", {"a": [CALL]}),
    "get_method": at("config", "graph", {"_target_": "hydra.utils.get_method", "path": "trap.spring"}),
    "get_class": at("config", "graph", {"_target_": "hydra.utils.get_class", "path": "trap.OwnKNN"}),
    "get_object": at("config", "graph", {"_target_": "hydra.utils.get_object", "path": "trap.LEFT"}),
    "instantiate": at("config", "graph", {"_target_": "hydra.utils.instantiate", "config": CALL}),
    "our own imports": at("config", "graph", {"_target_": "gnn_dml.atomic.os.mkdir", "path": "made"}),
    "our own call": at("config", "graph", {"_target_": "gnn_dml.experiments.build.instantiate", "config": CALL}),
    "another part's class": at("config", "graph", {"_target_": "gnn_dml.data.read_folder", "root": "/"}),
    "transform": at("config", "dataset", "transform", CALL),
    "source": at("config", "dataset", "source", CALL),
    "never built": at("config", "loss", "extra", CALL),
    "no name": at("config", "graph", "_target_", 3),
}


def test_what_no_yaml_names_is_not_even_imported(attack_all, left):
    found = attack_all(FOREIGN)
    assert {way: code for way, (code, _) in found.items()} == dict.fromkeys(FOREIGN, 2)
    assert [way for way, (_, said) in found.items() if "_target_" not in said] == []
    assert left() == []


def test_the_trap_is_a_trap(attack, left):
    """Trusted, the same file has the same function called; and the good file is measured."""
    assert attack(FOREIGN["a class"], "--trust", "trap")[0] == 0
    assert left() == ["called", "imported"]
    assert attack()[0] == 0


def test_a_trusted_package_builds_its_own_classes_and_not_what_it_imports(attack, left, tmp_path):
    own = {"_target_": "trap.OwnKNN", "k": 3}
    code, said = attack(at("config", "graph", own))
    assert (code, left()) == (2, [])
    code, said = attack(at("config", "graph", own), "--trust", "trap")
    assert code == 0, said
    assert "OwnKNN" in said
    for target in ("trap.os.mkdir", "trap.KNN", "trap.spring.__globals__", "trap.nothing"):
        code, said = attack(at("config", "graph", {"_target_": target, "path": "made"}), "--trust", "trap")
        assert code == 2, said
        assert target in said
    assert not (tmp_path / "work" / "made").exists()
    assert attack(at("config", "graph", {"_target_": "trapdoor.x"}), "--trust", "trap")[0] == 2


VALUES = {
    "_args_": at("config", "graph", "_args_", [1]),
    "_recursive_": at("config", "graph", "_recursive_", False),
    "_convert_": at("config", "graph", "_convert_", "all"),
    "interpolation": at("config", "dataset", "unreadable", "${oc.env:SECRET}"),
    "interpolated key": at("config", "graph", "${oc.env:SECRET}", 1),
    "a tensor": at("config", "graph", "k", torch.zeros(2)),
    "digits": at("config", "graph", "k", 10**6000),
    "itself": lambda held: held["config"].update(more=held["config"]),
}


def test_values_that_are_not_plain_are_refused(attack_all, monkeypatch):
    monkeypatch.setenv("SECRET", "told")
    found = attack_all(VALUES)
    assert {way: code for way, (code, _) in found.items()} == dict.fromkeys(VALUES, 2)
    assert [way for way, (_, said) in found.items() if "told" in said or len(said) >= 1000] == []


HUGE = 10**9
SIZES = {
    "num_classes": at("num_classes", HUGE),
    "dim": at("config", "backbone", "dim", HUGE),
    "width": at("config", "backbone", "width", HUGE),
    "map_size": at("config", "backbone", "map_size", HUGE),
    "num_layers": at("config", "refiner", "num_layers", HUGE),
    "size": at("config", "dataset", "transform", "size", HUGE),
    "size as a list": at("config", "dataset", "transform", "size", [HUGE, HUGE]),
    "neighbours": at("config", "protocol", "neighbours", HUGE),
    "dim within bounds": at("config", "backbone", "dim", 1000),
    "stride 0": at("weights", "embedder.projection.bias", torch.zeros(1).expand(HUGE)),
    "stride 0 that fits": at("weights", "embedder.projection.bias", torch.zeros(1).expand(8)),
    "no numbers": at("weights", "embedder.projection.bias", torch.zeros(8, device="meta")),
    "sparse": at("weights", "embedder.projection.bias", torch.zeros(8).to_sparse()),
    "missing": lambda held: held["weights"].pop("embedder.projection.bias"),
}


def test_sizes_are_held_against_the_weights_before_memory_is_taken(attack_all):
    found = attack_all(SIZES)
    assert {way: code for way, (code, _) in found.items()} == dict.fromkeys(SIZES, 2)
    assert [way for way, (_, said) in found.items() if len(said) >= 3000] == []


def test_no_folder_is_made_by_a_file(attack, tmp_path, good):
    cache = tmp_path / "cache"
    assert attack(at("config", "dataset", "cache", str(cache)))[0] == 0
    hostile = copy.deepcopy(good["config"])
    hostile["dataset"]["cache"] = str(cache)
    hostile["graph"] = CALL
    (tmp_path / "work" / "config.yaml").write_text(yaml.safe_dump(hostile))
    assert attack(at("config", "dataset", "cache", str(cache)))[0] == 0
    assert not cache.exists()


@pytest.mark.parametrize(
    "text",
    [
        "dataset: {root: '${oc.env:HOME}'}",
        "dataset: {root: [1]}",
        "dataset: !!python/object/apply:os.mkdir [made]",
        "a: &a {b: 1}\ndataset: {<<: [*a, *a]}",
        "dataset: [",
    ],
)
def test_a_hostile_config_beside_the_weights(attack, tmp_path, text):
    (tmp_path / "work" / "config.yaml").write_text(text)
    code, said = attack(at("config", "dataset", "root", "/elsewhere"))
    assert code == 2, said
    assert "config.yaml" in said
    assert not (tmp_path / "work" / "made").exists()


def test_a_file_is_written_without_paths_and_asks_for_them(good, tmp_path, noisy_archive):
    from gnn_dml.errors import UserError
    from gnn_dml.experiments.checkpoint import Checkpoint, read_checkpoint
    from gnn_dml.experiments.trained import from_run

    config = resolve([*SMALL, f"dataset.root={noisy_archive}"])
    Checkpoint(config, 1, 3, good["weights"]).write(tmp_path / "a.pt")
    assert str(noisy_archive) not in (tmp_path / "a.pt").read_bytes().decode("latin-1")
    found = read_checkpoint(tmp_path / "a.pt")
    assert (found.config["out"], found.config["dataset"]["root"]) == (None, None)
    with pytest.raises(UserError, match=r"a file brings no paths.*add dataset\.root="):
        from_run("a.pt", found, found.config)


@pytest.mark.parametrize("kind", ["stride 0", "layers", "packed", "flipped"])
def test_published_weights_are_bounded_too(attack, tmp_path, kind):
    names = "gnn_model.node_model.layers"
    layers = 1 if kind == "stride 0" else 50_000
    one = torch.zeros(1)
    held = {f"{names}.{i}.norm1.weight": one.expand(HUGE) if kind == "stride 0" else one for i in range(layers)}
    refiner, file = tmp_path / "gnn.pth", tmp_path / "work" / "cnn.pth"
    from torchvision.models import resnet18

    torch.save(resnet18(num_classes=5).state_dict(), file)
    torch.save(held, refiner)
    if kind == "flipped":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif kind == "packed":
        repacked(file)
    options = ["--refiner", refiner, "--dataset", "emoji", "backbone=resnet18", "protocol.neighbours=4"]
    code, said = attack(None, *options, held=False, name="cnn.pth")
    assert code == 2, said
    expected = {"stride 0": "fewer numbers", "layers": "50000 layers", "packed": "unpacks", "flipped": "checksum"}
    assert expected[kind] in said


def repacked(file):
    """The same archive with its members compressed."""
    script = """
        import sys, zipfile
        with zipfile.ZipFile(sys.argv[1]) as old:
            members = {info.filename: old.read(info) for info in old.infolist()}
        with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as new:
            for name, data in members.items():
                new.writestr(name, data)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(file)], check=True)
