"""Nothing in the room needs torch, so that data can be listed, prepared and checked before it is installed."""

import pkgutil
import subprocess
import sys

import pytest

import gnn_dml.prepare

SCRIPT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*[name for name in ("torch", "torchvision", "pandas", "matplotlib") if name in sys.modules])
"""
ROOM = ["gnn_dml.prepare", *(m.name for m in pkgutil.walk_packages(gnn_dml.prepare.__path__, "gnn_dml.prepare."))]


@pytest.mark.parametrize(("modules", "loaded"), [(ROOM, []), (["pandas"], ["pandas"])])
def test_what_a_fresh_process_loads(modules, loaded):
    """The second case shows that the first could fail."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *modules], capture_output=True, text=True, check=True)
    assert done.stdout.split() == loaded


def test_the_room_is_whole():
    assert {"gnn_dml.prepare.content", "gnn_dml.prepare.cards", "gnn_dml.prepare.emoji.build"} <= set(ROOM)
