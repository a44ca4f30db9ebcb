import math

import pytest

from gnn_dml.training.verdict import graph_note, summarise

ALIVE = {"purity_chance": 0.05, "attention_entropy": 0.6, "message_size": 0.7, "ce_of_guessing": 0.4}


def test_means_over_layers_and_heads():
    epoch = {
        "epoch": 3.0,
        "purity_chance": 0.05,
        "purity_layer1_head1": 0.2,
        "purity_layer1_head2": 0.4,
        "purity_layer2_head1": math.nan,
        "entropy_layer1": 0.9,
        "entropy_layer2": 0.5,
        "ce_of_guessing_refined": None,
    }
    found = summarise(epoch)
    assert found["purity"] == pytest.approx(0.3)
    assert found["attention_entropy"] == pytest.approx(0.7)
    assert found["ce_of_guessing"] is None
    assert found["gradient_share"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"attention_entropy": 0.9995}, "attention is uniform"),
        ({"message_size": 0.001}, "closed"),
        ({"ce_of_guessing": 0.82}, "hardly learned"),
        ({"attention_entropy": None, "message_size": None, "ce_of_guessing": None}, ""),
    ],
)
def test_sentences(change, words):
    note = graph_note({**ALIVE, **change})
    assert words in note
    assert bool(note) == bool(words)


def test_the_control_without_messages_is_not_blamed_for_having_none():
    isolated = {"purity_chance": None, "attention_entropy": None, "message_size": 0.0, "ce_of_guessing": 0.4}
    assert graph_note(isolated, 0) == ""


def test_a_graph_that_validation_closed():
    assert "refined alone" in graph_note(ALIVE, 0)
    assert graph_note(ALIVE, 4) == ""
