import re

import pytest
import torch
import torchvision

from gnn_dml.errors import UserError
from gnn_dml.models import Embedder, Neck, PixelEmbedder, build_backbone, torchvision_names
from gnn_dml.models.outline import outline


def images(n=3, size=64):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("pool", ["max", "average", "flatten"])
def test_small_cnn_by_hand(pool):
    """The embedding is the projection of the pooled map, L2-normalised; the classifier sees it before that."""
    module = Embedder("small_cnn", dim=16, num_classes=5, pool=pool, width=4).eval()
    maps = module.backbone(images())
    assert maps.shape == (3, 32, 4, 4)
    pooled = {"max": maps.amax((2, 3)), "average": maps.mean((2, 3)), "flatten": maps.flatten(1)}[pool]
    raw = module.projection(pooled)
    out = module(images())
    torch.testing.assert_close(out.features, raw / raw.norm(dim=1, keepdim=True))
    torch.testing.assert_close(out.logits, raw @ module.classifier.weight.T + module.classifier.bias)


def test_resnet_gives_torchvisions_features(tmp_path):
    """Same weights, through a file: our pooled maps are what torchvision's classifier is given."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    peer = resnet18().eval()
    torch.save(peer.state_dict(), tmp_path / "weights.pth")
    module = Embedder("resnet18", dim=None, pool="average", weights=str(tmp_path / "weights.pth")).eval()
    peer.fc = torch.nn.Identity()
    expected = torch.nn.functional.normalize(peer(images()), dim=1)
    assert module.dim == 512
    torch.testing.assert_close(module(images()).features, expected)


def test_densenet_gives_torchvisions_features(tmp_path):
    from torchvision.models import densenet121

    torch.manual_seed(0)
    peer = densenet121().eval()
    # The published files have the layers' older names: norm.1 for norm1, and so on.
    published = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", k): v for k, v in peer.state_dict().items()
    }
    assert published.keys() != peer.state_dict().keys()
    torch.save(published, tmp_path / "weights.pth")
    module = Embedder("densenet121", dim=None, pool="average", weights=str(tmp_path / "weights.pth")).eval()
    peer.classifier = torch.nn.Identity()
    torch.testing.assert_close(module(images()).features, torch.nn.functional.normalize(peer(images()), dim=1))


def test_every_listed_name_can_be_built():
    names = torchvision_names()
    assert {"resnet50", "resnet18", "densenet121", "densenet161", "wide_resnet50_2", "resnext50_32x4d"} <= set(names)
    families = {name.rstrip("0123456789_dx"): name for name in reversed(names)}
    assert set(families) == {"densenet", "resnet", "resnext", "wide_resnet"}, families
    with outline():
        for name in names:
            network, channels = build_backbone(name)
            if name in families.values():  # the others of a family differ by the numbers of their layers
                assert network(torch.empty(2, 3, 64, 64)).shape[:2] == (2, channels)


def test_neck_and_no_classifier():
    assert isinstance(Embedder("small_cnn", num_classes=5, neck="batch_norm").classifier, Neck)
    assert Embedder("small_cnn")(images()).logits is None


def test_pixels_are_the_flattened_image():
    out = PixelEmbedder(num_classes=7)(images())
    assert out.features.shape == (3, 3 * 64 * 64)
    flat = images().flatten(1)
    torch.testing.assert_close(out.features, flat / flat.norm(dim=1, keepdim=True))
    assert out.logits is None


def test_files_that_hold_no_fitting_weights_are_named(tmp_path):
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(UserError, match=r"text\.pth holds no state dict"):
        Embedder("resnet18", weights=str(tmp_path / "text.pth"))
    torch.save({"other.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth do not fit resnet18.*missing: "):
        Embedder("resnet18", weights=str(tmp_path / "other.pth"))


def test_a_damaged_download_is_named(tmp_path, monkeypatch):
    """Half of a file where torchvision keeps what it has downloaded."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    file.parent.mkdir(parents=True)
    torch.save(torchvision.models.resnet18().state_dict(), file)
    file.write_bytes(file.read_bytes()[:1_000_000])
    with pytest.raises(UserError, match=rf"weights of resnet18 in {file} are damaged \(.*\); delete that file"):
        Embedder("resnet18", weights="imagenet")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"name": "resnet5"}, UserError, "unknown backbone 'resnet5'.*resnet50"),
        ({"name": "small_cnn", "pool": "min"}, ValueError, "max, average, flatten, own, not 'min'"),
        ({"name": "small_cnn", "neck": "long"}, ValueError, "linear, batch_norm, not 'long'"),
        ({"name": "small_cnn", "weights": "imagenet"}, UserError, "small_cnn has no pretrained weights"),
        ({"name": "resnet18", "weights": "nowhere.pth"}, UserError, "'nowhere.pth' is none of these"),
    ],
)
def test_wrong_arguments_are_named(arguments, kind, message):
    with pytest.raises(kind, match=message):
        Embedder(**arguments)
