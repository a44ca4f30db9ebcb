"""A topology and an attention layer that nobody has heard of, added to a copy of the tree by five files and four.

A class file, an export line, a YAML, a test of its own, and for the topology one line of the common test; a layer is
found by the common tests.
"""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "gnn_dml",
    "datasets/emoji/emoji.zip",
    "tests/graphs",
    "tests/layers",
    "tests/trees",
    "pyproject.toml",
    *(f"tests/{name}.py" for name in ("conftest", "published", "test_devices", "test_doctests")),
)

TOPOLOGY = '''"""Everyone hears who is similar enough, and nobody else."""

from __future__ import annotations

from torch import Tensor

from gnn_dml.graphs.base import Topology, cosine_similarity, diagonal


class Close(Topology):
    """Edges between nodes whose cosine similarity is above a bound.

    >>> import torch
    >>> from gnn_dml.graphs import Close
    >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> Close(0.5).adjacency(x).int().tolist()
    [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    """

    def __init__(self, bound: float, *, loop: bool = True) -> None:
        super().__init__(loop=loop)
        self.bound = bound

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor:
        near, eye = cosine_similarity(x) > self.bound, diagonal(x)
        return near | eye if self.loop else near & ~eye
'''
TOPOLOGY_TEST = """import torch
from gnn_dml.graphs import Close

def test_opposites_do_not_hear_each_other():
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert Close(0.0).adjacency(x).tolist() == [[True, False], [False, True]]
"""
LAYER = '''"""GAT with a slope of its own."""

from __future__ import annotations

from typing import Any

from gnn_dml.layers.gat import GATConv


class SteepGAT(GATConv):
    """PyG's GATConv with `negative_slope` 0.5.

    >>> from gnn_dml.layers import SteepGAT
    >>> SteepGAT.for_dim(8, num_heads=2).negative_slope
    0.5
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"negative_slope": 0.5, **kwargs})
'''
LAYER_TEST = """import torch
from gnn_dml.layers import SteepGAT

def test_a_node_hears_itself():
    x = torch.randn(3, 8)
    assert SteepGAT.for_dim(8, num_heads=2)(x, torch.eye(3, dtype=torch.bool)).shape == (3, 8)
"""
COMMON = "TOPOLOGIES = [\n"


def add(folder: Path, room: str, group: str, name: str, texts: tuple[str, str, str], exported: str) -> None:
    """A class file, its YAML, its test, and a line that exports it."""
    module, settings, test = texts
    (folder / f"gnn_dml/{room}/{name}.py").write_text(module)
    (folder / f"gnn_dml/conf/{group}/{name}.yaml").write_text(settings)
    (folder / f"tests/{room}/test_{name}.py").write_text(test)
    with (folder / f"gnn_dml/{room}/__init__.py").open("a") as file:
        file.write(f"from gnn_dml.{room}.{name} import {exported} as {exported}\n")


FOUND = (
    "graphs/test_close.py::test_opposites_do_not_hear_each_other",
    "graphs/test_topologies.py::test_hardly_any_nodes[0-True-<lambda>0]",
    "graphs/test_probe.py::test_the_package_passes[Close(bound=0.5, loop=True)]",
    "graphs/test_drop_edge.py::test_self_loops_and_weights_stay[Close(bound=0.5, loop=False)]",
    "layers/test_steep.py::test_a_node_hears_itself",
    "test_devices.py::test_every_topology_with_every_layer[close-dot_product]",
    "test_devices.py::test_every_topology_with_every_layer[knn-steep]",
    "test_devices.py::test_dropped_edges_and_every_output[every-steep]",
    "test_devices.py::test_edges_as_an_edge_index[steep]",
    "test_doctests.py::test_examples[gnn_dml.graphs.close]",
    "test_doctests.py::test_examples[gnn_dml.layers.steep]",
)


def test_the_common_tests_find_them(processes, tmp_path, tiny_archive):
    """One process for all of their tests, and a run with both."""

    def python(*arguments: str) -> str:
        """What a command prints in the copy, where the package is the copy's."""
        done = processes.run("-m", *arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for name in COPIED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    graph = "# Everyone hears who is similar enough.\n_target_: gnn_dml.graphs.Close\nbound: 0.5\nloop: true\n"
    add(tmp_path, "graphs", "graph", "close", (TOPOLOGY, graph, TOPOLOGY_TEST), "Close")
    layer = (ROOT / "gnn_dml/conf/layer/gat.yaml").read_text().replace("layers.GATConv", "layers.SteepGAT")
    add(tmp_path, "layers", "layer", "steep", (LAYER, layer, LAYER_TEST), "SteepGAT")
    common = tmp_path / "tests" / "graphs" / "test_topologies.py"
    text = common.read_text()
    assert text.count(COMMON) == 1
    common.write_text(text.replace(COMMON, f"{COMMON}    lambda loop: graphs.Close(0.3, loop=loop),\n"))
    # Without what collects all garbage at the end, and beside the folders of this session.
    quick = ["-p", "no:unraisableexception", "--basetemp", str(tmp_path / "tmp")]
    said = python("pytest", "-n", "0", "-rp", *quick, *(f"tests/{name}" for name in FOUND))
    passed = [line.removeprefix("PASSED tests/") for line in said.splitlines() if line.startswith("PASSED ")]
    assert sorted(passed) == sorted(FOUND), said
    small = ["backbone.width=4", "backbone.dim=16", "protocol.epochs=1", "protocol.neighbours=4", "device=cpu"]
    batches = ["protocol.classes_per_batch=4", "protocol.images_per_class=4", f"dataset.root={tiny_archive}"]
    small.append("pictures=false")
    python("gnn_dml.cli.main", "train", "graph=close", "layer=steep", "out=runs", *small, *batches)
    (run,) = tmp_path.glob("runs/single/*/best.pt")
    assert b"gnn_dml.graphs.Close" in run.read_bytes()
