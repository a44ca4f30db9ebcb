"""Interrupted runs whose files were damaged, exchanged or removed meanwhile."""

import shutil

import pytest
import torch

from gnn_dml.config.compose import resolve
from gnn_dml.errors import UserError
from gnn_dml.experiments.checkpoint import read_checkpoint
from gnn_dml.experiments.reuse import run_folder
from gnn_dml.experiments.run import Run


class PowerCutError(Exception):
    """What stops a run half-way."""


def interrupt(settings, epochs):
    """The folder of a run that was cut off in the epoch after these, which were finished."""
    config = resolve(settings)

    def on_start(total, done):
        seen = []

        def advance(loss):
            seen.append(loss)
            if len(seen) > epochs * total // config["protocol"]["epochs"]:
                raise PowerCutError

        return advance

    with pytest.raises(PowerCutError):
        Run(config, on_start=on_start).execute()
    assert len(torch.load(run_folder(config) / "resume.pt", weights_only=True)["rows"]) == epochs
    return run_folder(config)


def cut(folder):
    path = folder / "resume.pt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(folder):
    path = folder / "resume.pt"
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)


def remove_best(folder):
    (folder / "best.pt").unlink()


def exchange_best(folder):
    shutil.copy(folder / "last.pt", folder / "best.pt")


def go_on(settings):
    """Finish the run: what it said, and how many batches were done before."""
    sentences, starts = [], []
    job = Run(resolve(settings), say=sentences.append)
    job.on_start = lambda total, done: starts.append(done) or (lambda loss: None)
    assert job.execute()["status"] == "finished"
    return sentences, starts


def check_same_bits(folder, whole):
    for name in ("best.pt", "last.pt"):
        expected = read_checkpoint(whole / name).weights
        for key, tensor in read_checkpoint(folder / name).weights.items():
            assert torch.equal(tensor, expected[key]), key


MORE = ["graph=none", "protocol.epochs=3", "protocol.ties=first"]


@pytest.fixture
def settings(tiny_settings):
    return [*tiny_settings, *MORE]


@pytest.fixture(scope="module")
def whole(settings_in, tmp_path_factory):
    """The folder of the run as it ends undisturbed."""
    config = resolve([*settings_in(tmp_path_factory.mktemp("whole")), *MORE])
    Run(config).execute()
    return run_folder(config)


@pytest.fixture(scope="module")
def cut_in_the_second_epoch(settings_in, tmp_path_factory):
    return interrupt([*settings_in(tmp_path_factory.mktemp("cut")), *MORE], epochs=1)


@pytest.fixture
def interrupted(cut_in_the_second_epoch, settings):
    """The folder of such a run, the test's own."""
    return shutil.copytree(cut_in_the_second_epoch, run_folder(resolve(settings)))


def test_a_run_that_cannot_be_gone_on_with_begins_anew_and_says_so(settings, whole, tmp_path):
    interrupted = interrupt(settings, epochs=2)
    rows = torch.load(interrupted / "resume.pt", weights_only=True)["rows"]
    assert rows[0]["val_backbone_recall@1"] >= rows[1]["val_backbone_recall@1"]  # best.pt is of the first epoch
    for damage in (cut, flip, remove_best, exchange_best):
        there = [*settings, f"out={tmp_path / damage.__name__}"]
        folder = shutil.copytree(interrupted, run_folder(resolve(there)))
        damage(folder)
        sentences, starts = go_on(there)
        assert starts == [0], damage
        assert len(sentences) == 1, damage
        assert "begins anew" in sentences[0]
        check_same_bits(folder, whole)


def test_the_state_of_another_run_is_refused_with_what_differs(settings, interrupted, whole, tmp_path):
    other = interrupt([*settings, "seed=1", f"out={tmp_path / 'other'}"], epochs=1)
    folder = interrupted
    kept = (other / "resume.pt").read_bytes()
    (folder / "resume.pt").write_bytes(kept)
    with pytest.raises(UserError, match=r"resume\.pt is of other settings: seed was 1 and is 0; move the file away"):
        go_on(settings)
    assert (folder / "resume.pt").read_bytes() == kept
    (folder / "resume.pt").unlink()
    assert go_on(settings) == ([], [0])
    check_same_bits(folder, whole)


def test_a_state_of_other_classes_is_refused(settings, interrupted):
    folder = interrupted
    state = torch.load(folder / "resume.pt", weights_only=True)
    name = next(name for name in state["trainer"]["learner"] if name.endswith("classifier.weight"))
    state["trainer"]["learner"][name] = torch.zeros(3, 16)
    torch.save(state, folder / "resume.pt")
    with pytest.raises(UserError, match=rf"does not fit the classes or the code of this run: .*{name}.*move the file"):
        go_on(settings)


def test_removed_weights_of_the_last_finished_epoch_are_written_again(settings, interrupted, whole):
    """They are in the state, so nothing is lost."""
    folder = interrupted
    remove_best(folder)
    sentences, starts = go_on(settings)
    assert sentences == []
    assert starts[0] > 0
    check_same_bits(folder, whole)
