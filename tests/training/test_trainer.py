"""The loop with a loss that has parameters, what it leaves behind and goes on from, and what it leaves alone."""

import random
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from gnn_dml.config.compose import resolve
from gnn_dml.evaluation.embed import embed
from gnn_dml.experiments.build import build_data, build_learner, build_losses, build_neighbourhoods, build_trainer
from gnn_dml.experiments.checkpoint import read_checkpoint, snapshot
from gnn_dml.experiments.files import load, save
from gnn_dml.losses import EmbeddingLoss
from gnn_dml.training.purity import measured_batches
from gnn_dml.training.trainer import Diverged

CPU = torch.device("cpu")
PROXIES = {
    "_target_": "gnn_dml.losses.EmbeddingLoss",
    "branch": "refined",
    "weight": 0.5,
    "rate": 100.0,
    "loss": {"_target_": "pytorch_metric_learning.losses.ProxyAnchorLoss", "_partial_": True},
}


@pytest.fixture
def built(tiny_settings):
    """Builds a trainer with proxies beside the cross-entropy, and its data."""

    def build(*more, proxies=PROXIES):
        config = resolve([*tiny_settings, "protocol.epochs=3", *more])
        if proxies:
            config["loss"]["terms"]["proxies"] = proxies
        torch.manual_seed(0)
        data = build_data(config)
        learner = build_learner(config, data.train.num_classes)
        return build_trainer(config, learner, data, CPU), data, config

    return build


def proxies(trainer):
    return trainer.step.losses.terms["proxies"].loss.proxies


def bits(trainer):
    return {**trainer.learner.state_dict(), **trainer.step.losses.state_dict()}


def test_proxies_of_pytorch_metric_learning_are_trained_at_their_own_rate(built):
    trainer, data, _ = built()
    assert proxies(trainer).shape == (data.train.num_classes, trainer.learner.refiner.out_dim)
    (group,) = [group for group in trainer.step.optimizer.param_groups if group["name"] == "loss_proxies"]
    assert [weight is proxies(trainer) for weight in group["params"]] == [True]
    before = proxies(trainer).detach().clone()
    (report, *_) = trainer.epochs(1)
    assert not torch.equal(proxies(trainer), before)
    row = report.row()
    assert row["rate_loss_proxies"] == pytest.approx(100 * row["rate_cnn"])
    assert row["loss"] == pytest.approx(row["loss_backbone"] + row["loss_refined"] + 0.5 * row["loss_proxies"])


def test_parameters_of_a_term_go_where_the_losses_go(built):
    trainer, *_ = built()
    assert proxies(trainer).device == CPU
    assert trainer.step.losses.to("meta").terms["proxies"].loss.proxies.device.type == "meta"


def test_training_goes_on_to_the_same_bits_proxies_included(built, tmp_path):
    whole, *_ = built("drop_edge=0.3")
    list(whole.epochs(3))
    first, *_ = built("drop_edge=0.3")
    list(first.epochs(2))
    save(tmp_path / "resume.pt", {"trainer": first.state_dict()})
    second, *_ = built("drop_edge=0.3")
    second.load_state_dict(load(tmp_path / "resume.pt")["trainer"])
    assert torch.equal(proxies(second), proxies(first))
    list(second.epochs(3))
    assert all(torch.equal(value, bits(second)[name]) for name, value in bits(whole).items())


def test_a_checkpoint_holds_what_the_losses_have_learned(built, tmp_path):
    trainer, data, config = built()
    list(trainer.epochs(1))
    for name, losses, expected in (
        ("with.pt", trainer.step.losses, dict(trainer.step.losses.state_dict())),
        ("without.pt", None, {}),
    ):
        snapshot(config, trainer.learner, 1, data.train.num_classes, losses).write(tmp_path / name)
        found = read_checkpoint(tmp_path / name).losses
        assert found.keys() == expected.keys()
        assert all(torch.equal(tensor, expected[key]) for key, tensor in found.items())


def test_the_random_state_of_python_and_numpy_comes_back(built, tmp_path):
    trainer, *_ = built(proxies=None)
    random.gauss(0, 1)  # leaves a second number behind
    np.random.normal()  # noqa: NPY002 - the same in numpy
    save(tmp_path / "resume.pt", {"trainer": trainer.state_dict()})

    def draw():
        return random.gauss(0, 1), random.random(), np.random.normal(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    expected = draw()
    assert draw() != expected
    trainer.load_state_dict(load(tmp_path / "resume.pt")["trainer"])
    assert draw() == expected


def test_a_state_of_the_last_version_goes_on(built):
    trainer, *_ = built(proxies=None)
    state = trainer.state_dict()
    trainer.load_state_dict({name: state[name] for name in ("learner", "optimizer", "schedule", "finished", "random")})


def test_what_was_frozen_stays_frozen_through_training_and_validation(built):
    trainer, data, config = built()
    norm = next(module for module in trainer.learner.modules() if isinstance(module, nn.BatchNorm2d))
    norm.eval()
    mean = norm.running_mean.clone()
    for _ in trainer.epochs(2):
        embed(
            trainer.learner,
            data.select,
            data.transforms,
            CPU,
            neighbourhoods=build_neighbourhoods(config["protocol"]),
        )
        assert trainer.learner.training
        assert not norm.training
    assert torch.equal(norm.running_mean, mean)


def test_a_learner_in_eval_mode_is_trained_in_training_mode(built):
    trainer, *_ = built()
    trainer.learner.eval()
    list(trainer.epochs(1))
    assert all(module.training for module in trainer.learner.modules())


class Seen:
    """Collects what a step works on, and makes the loss no number at one batch."""

    def __init__(self, step, bad):
        self.step, self.bad, self.batches = step, bad, []

    def __getattr__(self, name):
        return getattr(self.step, name)

    def __call__(self, batch, observe=None):
        self.batches.append(batch)
        if len(self.batches) == self.bad:
            batch = batch._replace(images=batch.images * float("nan"))
        return self.step(batch, observe)


def test_a_loss_that_is_no_number_ends_the_training_before_the_weights_change(built):
    trainer, *_ = built()
    trainer.step = Seen(trainer.step, bad=6)
    epochs = trainer.epochs(3)
    next(epochs)
    watched = {}

    def keep(loss):
        watched.update({name: weight.detach().clone() for name, weight in trainer.learner.named_parameters()})

    trainer.on_batch = keep
    with pytest.raises(Diverged, match="the loss became nan in epoch 2, batch 2"):
        next(epochs)
    assert all(torch.equal(weight, watched[name]) for name, weight in trainer.learner.named_parameters())
    assert trainer.finished == 1


def test_positions_name_the_images_of_the_split(built):
    trainer, data, _ = built()
    trainer.step = Seen(trainer.step, bad=None)
    list(trainer.epochs(1))
    for batch in trainer.step.batches:
        assert torch.equal(data.train.labels[batch.positions], batch.labels)


def test_measuring_purity_changes_no_bit(built):
    measuring, *_ = built("layer.dropout=0.3", "drop_edge=0.3")
    (report, *_) = measuring.epochs(1)
    silent, *_ = built("layer.dropout=0.3", "drop_edge=0.3")
    silent.measured = 0
    (quiet, *_) = silent.epochs(1)
    assert report.signs
    assert not quiet.signs
    assert (report.loss, report.terms) == (quiet.loss, quiet.terms)
    assert all(torch.equal(value, bits(silent)[name]) for name, value in bits(measuring).items())


@pytest.mark.parametrize(
    ("batches", "expected"),
    [(0, set()), (1, {1}), (5, {3}), (19, {10}), (20, {6, 16}), (40, {6, 16, 26, 36}), (400, {51, 151, 251, 351})],
)
def test_few_batches_are_measured_evenly_spaced(batches, expected):
    assert measured_batches(batches) == expected
    assert measured_batches(batches, most=0) == set()


def test_idle_terms_have_no_figure_and_no_group(built):
    trainer, *_ = built("graph=none")
    (report, *_) = trainer.epochs(1)
    row = report.row()
    assert all(row[name] != row[name] for name in ("loss_refined", "loss_proxies", "rate_refiner"))
    assert row["loss"] == row["loss_backbone"]
    assert {group["name"] for group in trainer.step.optimizer.param_groups} == {"cnn"}


def test_the_dim_of_a_term_is_that_of_its_branch(built):
    for branch, more, expected in (
        ("backbone", ["refiner.reduction=2"], 16),
        ("refined", ["refiner.reduction=2"], 8),
        ("refined", ["refiner.num_layers=2", "refiner.output=concatenated"], 32),
        ("refined", ["graph=none"], 16),
    ):
        trainer, data, config = built(*more, proxies={**PROXIES, "branch": branch})
        assert proxies(trainer).shape[1] == expected
    given = {**config["loss"]["terms"]["proxies"], "dim": 5}
    config["loss"]["terms"]["proxies"] = given
    losses = build_losses(config, trainer.learner, data.train.num_classes)
    assert losses.terms["proxies"].loss.proxies.shape[1] == 5
    assert isinstance(losses.terms["proxies"], EmbeddingLoss)


def test_a_sampler_by_prototypes_is_shown_the_classifier_before_every_epoch_and_goes_on_from_a_checkpoint(built):
    nearest = ("sampler=nearest", "sampler.near=1.0", "sampler.distractors=2")
    trainer, data, _ = built(*nearest, proxies=None)
    shown = []
    for _ in trainer.epochs(3):
        shown.append(trainer.loader.sampler.cosines)
        if len(shown) == 2:
            state = deepcopy(trainer.state_dict())
            rows = nn.functional.normalize(trainer.learner.embedder.prototypes.double(), dim=1)
    assert rows.size(0) == data.train.num_classes
    torch.testing.assert_close(shown[2], rows @ rows.T)
    again, _, _ = built(*nearest, proxies=None)
    again.load_state_dict(state)
    list(again.epochs(3))
    held = again.learner.state_dict()
    assert all(torch.equal(held[name], value) for name, value in trainer.learner.state_dict().items())
