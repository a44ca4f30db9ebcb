"""Weights of torchvision's models from files of any kind of classifier."""

import re

import pytest
import torch
from torchvision.models import get_model

from gnn_dml.errors import UserError
from gnn_dml.models.torchvision_backbone import build_torchvision


def state(name):
    torch.manual_seed(1)
    return get_model(name).state_dict()


def other_classes(held):
    classifier = [name for name in held if name.startswith(("fc.", "classifier."))]
    return {**held, **{name: held[name][:7].clone() for name in classifier}}


def without(held):
    return {name: tensor for name, tensor in held.items() if not name.startswith(("fc.", "classifier."))}


CHANGES = {
    "as it is": lambda held: held,
    "other classes": other_classes,
    "no classifier": without,
    "a head of another name": lambda held: {**without(held), "head.weight": torch.zeros(3, 4)},
    "several GPUs": lambda held: {f"module.{name}": tensor for name, tensor in other_classes(held).items()},
    "a training script": lambda held: {"state_dict": without(held), "epoch": 3},
    "no counters": lambda held: {name: t for name, t in held.items() if not name.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize(
    ("name", "change"),
    [*(("resnet18", change) for change in CHANGES), ("densenet121", "no classifier")],
)
def test_all_but_the_classifier_is_taken(tmp_path, name, change):
    held = state(name)
    torch.save(CHANGES[change](held), tmp_path / "weights.pth")
    module, _ = build_torchvision(name, weights=str(tmp_path / "weights.pth"))
    images = torch.rand(1, 3, 32, 32)
    own = get_model(name)
    own.load_state_dict(held)
    expected = own.eval().features(images) if name == "densenet121" else stages(own.eval(), images)
    with torch.no_grad():
        torch.testing.assert_close(module.eval()(images), expected.relu() if name == "densenet121" else expected)


def stages(model, images):
    """The maps of torchvision's ResNet before its pooling."""
    for child in list(model.children())[:-2]:
        images = child(images)
    return images


def test_whatever_else_is_missing_unknown_or_damaged_is_named(tmp_path):
    file, held = tmp_path / "weights.pth", state("resnet18")
    for changed, said in (
        ({name: t for name, t in held.items() if name != "layer3.0.bn1.weight"}, "missing: layer3.0.bn1.weight"),
        ({**held, "layer9.weight": torch.zeros(1)}, "unknown: layer9.weight"),
        ({**held, "conv1.weight": torch.zeros(64, 1, 7, 7)}, "conv1.weight is (64, 1, 7, 7)"),
        ({**held, "bn1.bias": torch.full((64,), float("nan"))}, "'bn1.bias' holds NaN or infinity"),
    ):
        torch.save(changed, file)
        with pytest.raises(UserError, match=re.escape(said)):
            build_torchvision("resnet18", weights=str(file))


def test_a_file_under_its_published_name_is_held_against_the_checksum_in_it(tmp_path):
    for name, refused in (("resnet18-f37072fd.pth", True), ("resnet18-00000000.pth", False)):
        torch.save(state("resnet18"), tmp_path / name)
        if refused:
            with pytest.raises(UserError, match="its checksum does not begin with f37072fd"):
                build_torchvision("resnet18", weights=str(tmp_path / name))
        else:
            build_torchvision("resnet18", weights=str(tmp_path / name))
