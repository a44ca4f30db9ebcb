"""Epochs that begin with the best weights so far."""

import pytest
import torch

from gnn_dml.config.compose import resolve
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build_data, build_learner, build_trainer
from gnn_dml.experiments.checkpoint import read_checkpoint
from gnn_dml.experiments.run import Run
from gnn_dml.training.device import seed_everything

SETTINGS = [
    "protocol.epochs=5",
    "protocol.reload=[3,5]",
    "optimizer=radam",
    "optimizer.schedule=drop",
    "optimizer.drop_epoch=3",
    "optimizer.lr=0.003",
    "layer.dropout=0.2",
]


class PowerCutError(Exception):
    """What stops a run half-way."""


def fall(monkeypatch):
    """Make the first epoch the best one, and the fourth better."""
    measured = {1: 0.5, 2: 0.4, 3: 0.3, 4: 0.6, 5: 0.1}

    def validate(self, learner, data):
        epoch = self.seen = getattr(self, "seen", self.begun) + 1
        return {"val_backbone_recall@1": measured[epoch]}

    monkeypatch.setattr(Run, "_validate", validate)
    monkeypatch.setattr(Run, "begun", 0, raising=False)


@pytest.fixture
def falling(monkeypatch):
    fall(monkeypatch)


@pytest.fixture(scope="module")
def whole(settings_in, tmp_path_factory):
    """A run with two reloads, and its row."""
    job = Run(resolve([*settings_in(tmp_path_factory.mktemp("whole")), *SETTINGS]))
    with pytest.MonkeyPatch.context() as monkeypatch:
        fall(monkeypatch)
        return job, job.execute()


def weights(job, name="last.pt"):
    return read_checkpoint(job.folder / name).weights


def same(first, second):
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def by_hand(settings):
    """Train, and before epochs 3 and 5 put back the weights of the epoch that was best until then: 1, then 4."""
    config = resolve(settings)
    seed_everything(config["seed"])
    data = build_data(config)
    learner = build_learner(config, data.train.num_classes).to(memory_format=torch.channels_last)
    trainer = build_trainer(config, learner, data, torch.device("cpu"))
    after = {}
    for report in trainer.epochs(5):
        after[report.epoch] = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
        if report.epoch in (2, 4):
            learner.load_state_dict(after[{2: 1, 4: 4}[report.epoch]])
    return after


def test_the_best_weights_come_back_and_the_optimiser_goes_on(whole, tiny_settings):
    job, _ = whole
    expected = by_hand([*tiny_settings, *SETTINGS])
    assert same(weights(job), expected[5])
    assert same(weights(job, "best.pt"), expected[4])
    assert not same(expected[1], expected[2])


@pytest.mark.parametrize("batches", [9, 11, 17])
def test_a_run_cut_around_a_reload_goes_on_to_the_same_bits(whole, tiny_settings, falling, monkeypatch, batches):
    """Four batches an epoch: cut in the first batch after a reload, later in that epoch, after the second reload."""
    settings = [*tiny_settings, *SETTINGS]
    undisturbed, row = whole
    job = Run(resolve(settings))
    seen = []

    def cut(total, done):
        assert total == 20

        def advance(loss):
            seen.append(loss)
            if len(seen) == batches:
                raise PowerCutError

        return advance

    job.on_start = cut
    with pytest.raises(PowerCutError):
        job.execute()
    finished = (batches - 1) // 4
    monkeypatch.setattr(Run, "begun", finished)
    resumed = Run(resolve(settings))
    starts = []
    resumed.on_start = lambda total, done: starts.append(done) or (lambda loss: None)
    again = resumed.execute()
    assert starts == [4 * finished]
    assert same(weights(undisturbed), weights(resumed))
    assert same(weights(undisturbed, "best.pt"), weights(resumed, "best.pt"))
    assert {key for key in row if row[key] != again[key]} <= {"seconds", "weights"}


def test_without_reloads_nothing_comes_back(whole, tiny_settings, falling):
    without = Run(resolve([*tiny_settings, *SETTINGS, "protocol.reload=[]"]))
    never_reached = Run(resolve([*tiny_settings, *SETTINGS, "protocol.reload=[6]"]))
    for job in (without, never_reached):
        job.execute()
    assert not same(weights(whole[0]), weights(without))
    assert same(weights(never_reached), weights(without))


@pytest.mark.parametrize("epochs", ["[1]", "[3,half]", "[0]"])
def test_what_is_no_later_epoch_is_refused(tiny_settings, epochs):
    with pytest.raises(UserError, match=r"protocol\.reload must be a list of epochs of at least 2"):
        resolve([*tiny_settings, f"protocol.reload={epochs}"])
