import pytest
import torch

from gnn_dml.errors import UserError
from gnn_dml.official import load_embedder, read_weights

STATE = {"conv1.weight": torch.arange(6.0).view(2, 3), "bn1.num_batches_tracked": torch.tensor(7)}


def assert_same(weights, state):
    assert weights.keys() == state.keys()
    for name, tensor in state.items():
        assert weights[name].dtype == tensor.dtype
        assert torch.equal(weights[name], tensor)


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "older-format"])
def test_a_bare_state_dict(tmp_path, as_zip):
    torch.save(STATE, tmp_path / "cnn.pth", _use_new_zipfile_serialization=as_zip)
    assert_same(read_weights(tmp_path / "cnn.pth"), STATE)
    assert_same(read_weights(str(tmp_path / "cnn.pth")), STATE)


def test_the_prefix_of_several_gpus_is_taken_away(tmp_path):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    wrapped = torch.nn.DataParallel(module).state_dict()
    assert "module.0.weight" in wrapped
    torch.save(wrapped, tmp_path / "cnn.pth")
    assert_same(read_weights(tmp_path / "cnn.pth"), module.state_dict())


def test_a_prefix_of_some_names_stays(tmp_path):
    state = {**STATE, "module.red.weight": torch.zeros(1)}
    torch.save(state, tmp_path / "cnn.pth")
    assert_same(read_weights(tmp_path / "cnn.pth"), state)


def test_what_is_read_can_be_loaded(tmp_path):
    from torchvision.models import resnet18

    module = resnet18(num_classes=5)
    torch.save(torch.nn.DataParallel(module).state_dict(), tmp_path / "cnn.pth")
    embedder = load_embedder(read_weights(tmp_path / "cnn.pth"), name="resnet18")
    assert torch.equal(embedder.classifier.weight, module.fc.weight)


def test_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "gone.pth"):
        with pytest.raises(UserError, match=f"no file of weights at {path}"):
            read_weights(path)


@pytest.mark.parametrize("content", [b"hello, this is text", b"", b"PK\x03\x04 broken"])
def test_not_a_torch_file(tmp_path, content):
    (tmp_path / "cnn.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"cnn\.pth is no file of weights: it was not written whole by torch\.save"):
        read_weights(tmp_path / "cnn.pth")


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save({"weight": Trap(tmp_path / "sprung")}, tmp_path / "cnn.pth")
    with pytest.raises(UserError, match="holds objects other than tensors, which are not loaded"):
        read_weights(tmp_path / "cnn.pth")
    assert not (tmp_path / "sprung").exists()
    torch.load(tmp_path / "cnn.pth", weights_only=False)["weight"].close()
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (torch.zeros(2), "it holds one Tensor"),
        ([torch.zeros(2)], "it holds one list"),
        ({}, "it holds an empty one"),
        ({"state_dict": STATE, "epoch": 3}, r"2 names \('state_dict': dict, 'epoch': int\)"),
        ({3: torch.zeros(2)}, r"1 names \(3: Tensor\)"),
    ],
)
def test_not_a_mapping_of_names_to_tensors(tmp_path, held, message):
    torch.save(held, tmp_path / "cnn.pth")
    with pytest.raises(UserError, match=message):
        read_weights(tmp_path / "cnn.pth")
