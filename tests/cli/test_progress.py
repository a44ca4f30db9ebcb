"""What is printed of a training where no terminal is: pytest is none."""

import pytest

from gnn_dml.cli import progress
from gnn_dml.cli.progress import TrainingBar, duration


def row(epoch, recall=0.5):
    return {"epoch": epoch, "loss": 1.25, "val_backbone_recall@1": recall, "seconds": 12.0}


def test_the_plan_comes_first_and_a_line_per_epoch_follows(capsys):
    with TrainingBar("kNN seed 0", plan=lambda batches: f"{batches} batches") as bar:
        advance = bar.start(6, 0)
        for epoch in (1, 2):
            for _ in range(3):
                advance(1.0)
            bar.epoch(row(epoch, None if epoch == 2 else 0.5))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "6 batches",
        "kNN seed 0, epoch 1: loss 1.250, validation Recall@1 50.0 (12 s)",
        "kNN seed 0, epoch 2: loss 1.250, validation Recall@1 - (12 s)",
    ]


def test_a_study_says_an_epoch_only_where_a_run_is_long(capsys):
    with TrainingBar("one", every=3600) as bar:
        bar.start(2, 0)(1.0)
        bar.epoch(row(1))
    assert capsys.readouterr().out == ""


def test_a_long_training_says_so_once_with_what_is_quicker(capsys, monkeypatch):
    for name in ("SPEAK_AFTER", "WORTH_SAYING", "LONG"):
        monkeypatch.setattr(progress, name, 0.0)
    with TrainingBar("one", advice="quicker: another way") as bar:
        advance = bar.start(10, 0)
        for _ in range(4):
            advance(1.0)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("one: ")
    assert "s a batch, so about" in first
    assert second == "quicker: another way"


def test_a_run_that_goes_on_counts_the_batches_that_are_left(capsys):
    with TrainingBar("one") as bar:
        advance = bar.start(100, 98)
        advance(1.0)
        advance(1.0)
        assert bar.total - bar.done == 0
        assert bar._left() == 0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (89, "89 s"), (90, "1.5 min"), (3600, "60.0 min"), (5400, "1.5 h"), (7 * 3600, "7.0 h")],
)
def test_durations(seconds, said):
    assert duration(seconds) == said
