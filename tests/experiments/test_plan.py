import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.config.recipes import with_recipe
from gnn_dml.experiments.plan import describe_plan, quicker_way


def test_it_says_network_size_batches_and_device(tmp_path):
    config = resolve(["dataset=folder", f"dataset.root={tmp_path}", "device=cpu"])
    said = describe_plan(config, 70 * 28)
    assert said.startswith(
        "training resnet50 at 227 px (ImageNet weights), graph=complete: 70 epochs x 28 batches of 6 "
    )
    assert "classes x 9 images, on the CPU (1 thread" in said


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            ["backbone=pixels", "graph=none", "protocol.epochs=0"],
            "no training: images are embedded by pixels at 64 px, on ",
        ),
        (["protocol.epochs=0"], "no training: images are embedded by small_cnn at 64 px (from scratch), on "),
    ],
)
def test_without_training(settings, expected):
    assert describe_plan(resolve(settings), 0).startswith(expected)


def test_only_images_of_ones_own_have_a_quicker_way(tmp_path):
    assert quicker_way(resolve(["device=cpu"])) == ""
    folder = ["dataset=folder", f"dataset.root={tmp_path}", "device=cpu"]
    assert "--recipe frozen" in quicker_way(resolve(folder))
    assert "packaged" not in describe_plan(resolve(with_recipe("frozen", folder)), 0)
