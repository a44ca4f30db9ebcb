import pytest
import torch

from gnn_dml.config.compose import resolve
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build_data, build_learner, build_trainer
from gnn_dml.training.optim import build_optimizer, build_schedule


def learner(*settings):
    return build_learner(resolve(["backbone.width=2", "backbone.dim=8", *settings]), num_classes=3)


def optimizer(module, **changes):
    arguments = {"lr": 0.01, "refiner_rate": 0.2, "weight_decay": 0.05, **changes}
    return build_optimizer(module, torch.optim.SGD, **arguments)


def test_every_trainable_parameter_is_in_one_group_with_its_rate_and_decay():
    module = learner()
    expected = {
        id(parameter): (0.01 if name.startswith("embedder") else 0.002, 0.05 if parameter.dim() > 1 else 0.0)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }
    found = [
        (id(parameter), (group["lr"], group["weight_decay"]))
        for group in optimizer(module).param_groups
        for parameter in group["params"]
    ]
    assert dict(found) == expected
    assert len(found) == len(expected)


def test_frozen_parameters_are_left_out():
    module = learner()
    frozen = module.refiner.necks[0].norm.bias
    assert not frozen.requires_grad
    assert all(frozen is not p for group in optimizer(module).param_groups for p in group["params"])


def test_without_a_refiner_there_is_no_refiner_group():
    assert {group["name"] for group in optimizer(learner("graph=none")).param_groups} == {"cnn"}


def rates(name, steps=14, warmup=0.3):
    made = optimizer(learner())
    schedule = build_schedule(name, made, steps=steps, warmup=warmup)
    seen = []
    for _ in range(steps):
        seen.append([group["lr"] for group in made.param_groups])
        made.step()
        schedule.step()
    return torch.tensor(seen)


def test_one_cycle_peaks_at_each_groups_rate_and_ends_near_zero():
    seen = rates("one_cycle")
    torch.testing.assert_close(seen.max(dim=0).values[[0, -1]], torch.tensor([0.01, 0.002]), rtol=0.05, atol=0)
    assert (seen[-1] < 0.02 * seen.max(dim=0).values).all()


@pytest.mark.parametrize("steps", [1, 2, 4, 10])
def test_one_cycle_bears_any_number_of_steps(steps):
    assert torch.isfinite(rates("one_cycle", steps=steps, warmup=1 / steps if steps > 1 else 0.3)).all()


def test_constant_and_step():
    assert torch.equal(rates("constant"), rates("constant")[:1].expand(14, -1))
    seen = rates("step")[:, 0]
    torch.testing.assert_close(seen, torch.tensor([0.01] * 6 + [0.001] * 8))


def test_an_unknown_schedule_is_named():
    with pytest.raises(UserError, match="one_cycle, constant, step, drop, not 'cosine'"):
        rates("cosine")


def test_drop_is_a_tenth_after_the_steps_it_is_told():
    made = optimizer(learner())
    schedule = build_schedule("drop", made, steps=9, warmup=0.0, drop_after=4)
    seen = []
    for _ in range(9):
        seen.append([group["lr"] for group in made.param_groups])
        made.step()
        schedule.step()
    torch.testing.assert_close(torch.tensor(seen)[:, 0], torch.tensor([0.01] * 4 + [0.001] * 5))
    torch.testing.assert_close(torch.tensor(seen)[:, -1], torch.tensor([0.002] * 4 + [0.0002] * 5))


def test_all_decays_biases_and_norms_too():
    groups = optimizer(learner(), decayed="all").param_groups
    assert {group["weight_decay"] for group in groups} == {0.05}
    assert any(parameter.dim() == 1 for group in groups for parameter in group["params"])


def test_another_word_for_what_is_decayed_is_refused():
    with pytest.raises(UserError, match=r"optimizer\.decayed must be one of matrices, all, not 'some'"):
        optimizer(learner(), decayed="some")


def test_the_drop_of_a_run_falls_on_the_first_batch_of_its_epoch(tiny_settings):
    """Epochs of a redrawn sampler differ in their number of batches, so no share of the steps would do."""
    settings = ["optimizer=radam", "optimizer.schedule=drop", "optimizer.drop_epoch=4", "sampler=redrawn", "graph=none"]
    config = resolve([*tiny_settings, *settings, "protocol.epochs=6"])
    data = build_data(config)
    trainer = build_trainer(config, build_learner(config, data.train.num_classes), data, torch.device("cpu"))
    lengths = set()
    for epoch in range(1, 7):
        trainer.loader.sampler.set_epoch(epoch)
        lengths.add(len(trainer.loader))
        for _ in range(len(trainer.loader)):
            assert trainer.step.optimizer.param_groups[0]["lr"] == pytest.approx(0.000156 * (0.1 if epoch >= 4 else 1))
            trainer.step.optimizer.step()
            trainer.step.schedule.step()
    assert len(lengths) > 1
