"""Published CNNs: the published forward written out on torchvision's layers, and every name that may be wrong."""

import re

import pytest
import torch
from torchvision import models

from gnn_dml.errors import UserError
from gnn_dml.models.outline import outline
from gnn_dml.official import load_embedder
from gnn_dml.official.embedder import CHANNELS


def head_of(name):
    return "classifier" if name.startswith("densenet") else "fc"


def linear(out_channels, in_channels, *, bias=True):
    state = {"weight": torch.randn(out_channels, in_channels) / in_channels**0.5}
    return {**state, "bias": torch.randn(out_channels)} if bias else state


def checkpoint(name, *, dim=None, classes=5, neck=False, old_names=False):
    """A random state dict under the published names, and torchvision's model with the same layers."""
    peer = models.get_model(name, weights=None).eval()
    for buffer, values in peer.named_buffers():
        if buffer.endswith("running_mean"):
            values.normal_(std=0.1)
        elif buffer.endswith("running_var"):
            values.uniform_(0.5, 1.5)
    state = {key: tensor for key, tensor in peer.state_dict().items() if not key.startswith(head_of(name) + ".")}
    parts = {head_of(name): linear(classes, dim or CHANNELS[name], bias=not neck)}
    if dim is not None:
        parts["red"] = linear(dim, CHANNELS[name])
    if neck:
        norm = torch.nn.BatchNorm1d(dim or CHANNELS[name])
        norm.weight.data.uniform_(0.5, 1.5)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 1.5)
        parts["bottleneck"] = norm.state_dict()
    state.update({f"{part}.{leaf}": tensor for part, leaves in parts.items() for leaf, tensor in leaves.items()})
    if old_names:
        state = {re.sub(r"(layer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", key): tensor for key, tensor in state.items()}
        assert "features.denseblock1.denselayer1.norm.1.weight" in state
    return state, peer


def published_maps(peer, images):
    if isinstance(peer, models.DenseNet):
        return peer.features(images).clamp(min=0)
    x = peer.maxpool(peer.bn1(peer.conv1(images)).clamp(min=0))
    return peer.layer4(peer.layer3(peer.layer2(peer.layer1(x))))


def published_forward(state, peer, name, images):
    """Pool, reduce, classify; what is handed out is normalised, what is classified is not."""
    maps = published_maps(peer, images)
    embedding = maps.mean((2, 3)) if name.startswith("densenet") else maps.amax((2, 3))
    if "red.weight" in state:
        embedding = embedding @ state["red.weight"].T + state["red.bias"]
    seen = embedding
    if "bottleneck.weight" in state:
        mean, variance = state["bottleneck.running_mean"], state["bottleneck.running_var"]
        seen = (seen - mean) / (variance + 1e-5).sqrt() * state["bottleneck.weight"] + state["bottleneck.bias"]
    head = head_of(name)
    logits = seen @ state[f"{head}.weight"].T + state.get(f"{head}.bias", 0)
    return embedding / embedding.norm(dim=1, keepdim=True), logits


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("resnet18", {}),
        ("resnet18", {"neck": True}),
        ("resnet50", {"dim": 512}),
        ("densenet121", {"dim": 512}),
        ("densenet121", {"dim": 512, "neck": True, "old_names": True}),
    ],
)
def test_outputs_equal_the_published_forward(name, arguments):
    torch.manual_seed(0)
    state, peer = checkpoint(name, **arguments)
    images = torch.randn(2, 3, 64, 64)
    embedder = load_embedder(state, name=name)
    assert not embedder.training
    assert embedder.dim == 512
    with torch.no_grad():
        out = embedder(images)
        features, logits = published_forward(state, peer, name, images)
    torch.testing.assert_close(out.features, features, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(out.logits, logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "dim"),
    [
        *((name, None if name in {"resnet18", "resnet34"} else 512) for name in CHANNELS),
        ("resnet50", None),
        ("densenet121", None),
    ],
)
def test_every_published_cnn_loads_with_its_sizes(name, dim):
    with outline():
        state, _ = checkpoint(name, dim=dim, classes=7)
        embedder = load_embedder(state, name=name)
    assert embedder.dim == (dim or CHANNELS[name])
    assert embedder.classifier.out_features == 7


def test_all_that_does_not_fit_is_listed_by_its_published_name():
    with outline():
        state, _ = checkpoint("resnet50", dim=512)
        del state["red.bias"], state["layer1.0.bn1.running_mean"]
        state |= {"surprise.weight": torch.zeros(1), "fc.weight": torch.zeros(5, 256)}
        with pytest.raises(ValueError, match="does not fit resnet50") as error:
            load_embedder(state)
    for part in (
        "missing: layer1.0.bn1.running_mean, red.bias;",
        "unknown: surprise.weight;",
        "of another shape: fc.weight is (5, 256) and must be (5, 512)",
    ):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("name", "gone", "message"),
    [
        ("resnet50", ["red.weight", "red.bias"], r"missing: red\.bias, red\.weight$"),
        ("resnet50", ["fc.weight", "fc.bias"], r"missing: fc\.bias, fc\.weight$"),
        ("densenet121", ["red.weight"], r"missing: red\.weight$"),
        ("densenet121", ["classifier.bias"], r"missing: classifier\.bias$"),
        ("densenet121", ["features.denseblock1.denselayer1.norm1.bias"], r"missing: features\.dense\S+\.norm1\.bias$"),
    ],
)
def test_sizes_are_read_though_a_name_is_gone(name, gone, message):
    with outline():
        state, _ = checkpoint(name, dim=512)
        for key in gone:
            del state[key]
        with pytest.raises(UserError, match=message):
            load_embedder(state, name=name)


def test_a_reduction_in_a_resnet18_is_unknown():
    with outline():
        state, _ = checkpoint("resnet18", dim=512)
        with pytest.raises(UserError, match=r"unknown: red\.bias, red\.weight$"):
            load_embedder(state, name="resnet18")


def test_the_bottleneck_that_resnet34_never_applies_is_unknown():
    with outline():
        state, _ = checkpoint("resnet34", neck=True)
        with pytest.raises(UserError, match=r"missing: fc\.bias; unknown: bottleneck\.bias, "):
            load_embedder(state, name="resnet34")


def test_a_long_list_is_cut_and_counted():
    with outline():
        state, _ = checkpoint("resnet101", dim=512)
        with pytest.raises(UserError, match=r"does not fit resnet50: unknown: layer3\..* and 286 more$"):
            load_embedder(state, name="resnet50")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bn_inception", "no such backbone"),
        ("resnet32", "resnet18, resnet34, .*densenet201, not 'resnet32'"),
        ("small_cnn", "not 'small_cnn'"),
    ],
)
def test_other_cnns_are_refused(name, message):
    with pytest.raises(UserError, match=message):
        load_embedder({}, name=name)
