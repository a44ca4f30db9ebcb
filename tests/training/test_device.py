import random

import numpy as np
import pytest
import torch

from gnn_dml.errors import UserError
from gnn_dml.training.device import pick_device, seed_everything


def test_auto_takes_the_best_device_there_is():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick_device("auto").type == expected
    assert pick_device("cpu") == torch.device("cpu")


def test_wrong_devices_are_named():
    with pytest.raises(UserError, match=r"auto, cpu, cuda, mps, not 'gpu'"):
        pick_device("gpu")
    if not torch.backends.mps.is_available():
        with pytest.raises(UserError, match=r"device=mps was asked for, and this machine has cpu"):
            pick_device("mps")


@pytest.mark.parametrize("name", ["cpu:7", "cpu:abc"])
def test_devices_with_a_wrong_number_are_named(name):
    with pytest.raises(UserError, match=f"device={name}"):
        pick_device(name)


def test_seeding_covers_every_source():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    seed_everything(3)
    first = draw()
    seed_everything(3)
    assert draw() == first
    seed_everything(4)
    assert draw() != first


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_run_on_the_gpu(tiny_settings):
    from gnn_dml.config.compose import resolve
    from gnn_dml.experiments.run import Run

    row = Run(resolve([*tiny_settings, "device=cuda"])).execute()
    assert (row["device"], row["status"]) == ("cuda", "finished")
