"""timm models as backbones: against timm's own forward, from files, from a package, and without a network."""

import os

import pytest
import timm
import torch
from safetensors.torch import save_file

from gnn_dml.data import PhotoTransforms, emoji_archive
from gnn_dml.errors import UserError
from gnn_dml.experiments.checkpoint import Checkpoint
from gnn_dml.metrics import retrieval
from gnn_dml.models import Embedder, build_backbone
from gnn_dml.models.packaged import packaged_file, packaged_state, timm_name
from gnn_dml.models.weights_file import read_state


def images(size, n=2):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def peer(name, **arguments):
    torch.manual_seed(0)
    return timm.create_model(name, pretrained=False, **arguments).eval()


@pytest.mark.parametrize(
    ("name", "size", "pooled", "suffix"),
    [
        ("resnet18", 64, False, ".safetensors"),
        ("resnet18", 64, True, ".pth"),
        ("vit_tiny_patch16_224", 224, True, ".safetensors"),
        ("swin_tiny_patch4_window7_224", 224, False, ".pth"),
    ],
)
def test_features_are_timms_from_a_file_of_weights(tmp_path, name, size, pooled, suffix):
    model = peer(name)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": {f"module.{key}": value for key, value in model.state_dict().items()}}, path)
    else:
        save_file(model.state_dict(), path)
    backbone, channels = build_backbone(f"timm/{name}", weights=str(path), pooled=pooled, image_size=size)
    with torch.no_grad():
        found = backbone.eval()(images(size))
        maps = model.forward_features(images(size))
        expected = model.forward_head(maps, pre_logits=True) if pooled else maps
    if name.startswith("swin"):
        expected = expected.permute(0, 3, 1, 2)
    torch.testing.assert_close(found, expected)
    assert found.shape[:2] == (2, channels)


def test_an_embedder_of_a_transformer():
    module = Embedder("timm/vit_tiny_patch16_224", dim=32, num_classes=5, pool="own", image_size=96).eval()
    out = module(images(96))
    torch.testing.assert_close(out.features.norm(dim=1), torch.ones(2))
    assert (out.features.shape, out.logits.shape) == ((2, 32), (2, 5))
    with pytest.raises(UserError, match=r"images of 96 x 96 px and was given 64 x 64; change dataset\.transform\.size"):
        module(images(64))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "timm/resnet5"}, r"timm has no model 'resnet5'; did you mean timm/resnet"),
        ({"name": "timm/resnet18.nobody"}, r"timm's resnet18 has no weights 'nobody'; it has .*a1_in1k"),
        (
            {"name": "timm/vit_tiny_patch16_224", "pool": "max"},
            r"not a map that backbone\.pool=max.*take backbone\.pool=own",
        ),
        (
            {"name": "timm/vit_tiny_patch16_224", "pool": "own", "image_size": 227},
            r"does not take images of 227 px.*multiple",
        ),
        ({"name": "timm/resnet18", "weights": "packaged"}, "packaged is known for timm/tf_efficientnet_lite0"),
        ({"name": "resnet18", "weights": "packaged"}, "packaged is known for timm/tf_efficientnet_lite0"),
        ({"name": "small_cnn", "pool": "own"}, "small_cnn has no pooling of its own"),
        ({"name": "timm/resnet18", "weights": "nowhere.pth"}, "must be null, imagenet, packaged or an existing file"),
    ],
)
def test_what_cannot_be_is_said_when_it_is_built(arguments, said):
    with pytest.raises(UserError, match=said):
        Embedder(dim=8, **arguments)


def test_weights_of_another_model_do_not_fit(tmp_path):
    torch.save(peer("resnet34").state_dict(), tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"the weights in .*other\.pth do not fit timm/resnet18"):
        build_backbone("timm/resnet18", weights=str(tmp_path / "other.pth"))
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(UserError, match="holds no state dict that can be loaded"):
        build_backbone("timm/resnet18", weights=str(tmp_path / "text.pth"))


def test_the_packaged_weights_fill_every_tensor_once():
    """Their names map one to one onto timm's, with timm's shapes, and all of them arrive."""
    stored, renamed = read_state(packaged_file()), packaged_state()
    wanted = peer("tf_efficientnet_lite0").state_dict()
    assert len(stored) == len(renamed) > 250
    assert renamed.keys() == wanted.keys()
    assert {key: value.shape for key, value in renamed.items()} == {key: value.shape for key, value in wanted.items()}
    backbone, channels = build_backbone("timm/tf_efficientnet_lite0", weights="packaged")
    assert channels == 1280
    held = backbone.model.state_dict()
    assert held.keys() == {key for key in wanted if not key.startswith("classifier")}
    for name, value in stored.items():
        if not name.startswith("_fc"):
            assert torch.equal(held[timm_name(name)], value)


def test_the_packaged_weights_find_drawings_of_the_same_emoji():
    """Trained on photographs, they still know more of drawings than the same network untrained."""
    split = emoji_archive().split("val")
    chosen = split.labels < 8
    transforms = PhotoTransforms(64, 64, normalize="half")
    seen = transforms.finish(transforms.evaluate(split.images[chosen]))
    recall = {}
    for weights in (None, "packaged"):
        torch.manual_seed(0)
        backbone, _ = build_backbone("timm/tf_efficientnet_lite0", weights=weights, pooled=True, image_size=64)
        with torch.no_grad():
            recall[weights] = retrieval(backbone.eval()(seen), split.labels[chosen])["recall@1"]
    assert recall["packaged"] > recall[None] + 0.1, recall


def test_a_checkpoint_builds_it_without_its_weights():
    """The configuration names weights that cannot be had here; the checkpoint has its own."""
    backbone = {
        "_target_": "gnn_dml.models.Embedder",
        "name": "timm/resnet18",
        "dim": 8,
        "pool": "own",
        "weights": "imagenet",
    }
    module = Embedder("timm/resnet18", dim=8, pool="own", num_classes=3)
    weights = {f"embedder.{key}": value for key, value in module.state_dict().items()}
    config = {"backbone": backbone, "graph": {}}
    learner = Checkpoint(config, 1, 3, weights).learner()
    torch.testing.assert_close(learner.embedder(images(64)).features, module.eval()(images(64)).features)


DOWNLOAD = """
import sys
from gnn_dml.errors import UserError
from gnn_dml.models import build_backbone
for name in sys.argv[1:]:
    try:
        build_backbone(name, weights="imagenet")
    except UserError as error:
        print(error)
"""


def test_a_download_that_is_impossible_says_how_to_give_a_file(processes, tmp_path):
    """In a process whose every way out leads to a closed port of this machine."""
    closed = "http://127.0.0.1:9"
    env = {**os.environ, "HF_ENDPOINT": closed, "HF_HOME": str(tmp_path), "TORCH_HOME": str(tmp_path)}
    env |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), closed)
    names = ("timm/vit_small_patch16_224.dino", "timm/resnet18", "resnet18")
    done = processes.run("-c", DOWNLOAD, *names, env=env)
    for name in names:
        (said,) = (line for line in done.stdout.splitlines() if f" weights of {name} " in line)
        assert "could not be downloaded (" in said
        assert "backbone.weights=/path/to/" in said
    assert "Traceback" not in done.stderr


def test_without_timm_other_backbones_are_built_and_the_extra_is_named(processes):
    first = "import sys; sys.modules['timm'] = None\nfrom gnn_dml.models import build_backbone as b; b('small_cnn')\n"
    done = processes.run("-c", first + DOWNLOAD, "timm/resnet18")
    assert "pip install 'gnn-dml[timm]'" in done.stdout, done.stderr
