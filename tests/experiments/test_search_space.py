"""Search spaces read from YAML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.config.names import SPACE, names_in
from gnn_dml.errors import UserError
from gnn_dml.experiments.search_space import Choice, Range, read_space


def write(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_of_ones_own(tmp_path):
    path = write(
        tmp_path,
        "by: [refined_map@r]\nsampler: random\noverrides: [protocol.epochs=3]\n"
        "settings:\n  optimizer.lr: {low: 0.001, high: 0.1, log: true}\n  graph.k: {low: 1, high: 16}\n"
        "  refiner.start: [identity, 1.10, on]\n",
    )
    space = read_space(path)
    assert (space.name, space.by, space.sampler) == ("mine", ("refined_map@r",), "random")
    assert space.overrides == ("protocol.epochs=3",)
    assert space.settings == {
        "optimizer.lr": Range(0.001, 0.1, log=True, whole=False),
        "graph.k": Range(1, 16, log=False, whole=True),
        "refiner.start": Choice(("identity", "1.10", "on")),  # as typed
    }


@pytest.mark.parametrize("name", names_in(SPACE))
def test_those_of_the_package(name):
    assert read_space(name).settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs the key settings"),
        ("settings: {}", "needs the key settings"),
        ("sets: {a: [1, 2]}", "unknown keys sets; known are settings, overrides, by, sampler"),
        ("settings: {a: [1]}", "two or more different values"),
        ("settings: {a: [1, 1]}", "two or more different values"),
        ("settings: {a: [[1], 2]}", "plain values"),
        ("settings: {a: 3}", "a list of values or a range"),
        ("settings: {a: {low: 1}}", "a list of values or a range"),
        ("settings: {a: {low: 1, high: 2, step: 1}}", "a list of values or a range"),
        ("settings: {a: {low: 2, high: 1}}", "low must be below high"),
        ("settings: {a: {low: 0, high: 1, log: true}}", "above 0 with log"),
        ("settings: {a: {low: .nan, high: 1}}", "must be numbers"),
        ("settings: {a: {low: true, high: 2}}", "must be numbers"),
        ("settings: {a: {low: 1, high: 2, log: 1}}", "log true or false"),
        ("settings: {a: [1, 2]}\nsampler: grid", "sampler must be one of tpe, random, not 'grid'"),
        ("settings: {a: [1, 2]}\nby: refined_map@r", "by must be a list of words"),
        ("settings: [", "no YAML"),
    ],
)
def test_what_is_no_space_is_named(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(UserError, match=said) as caught:
        read_space(path)
    assert path in str(caught.value)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(
        UserError, match=r"no search space 'papers'; the package has default, paper, .* Did you mean paper"
    ):
        read_space("papers")


@given(st.floats(1e-15, 1e6))
def test_a_typed_number_is_near_the_sampled_one(value):
    assert float(Range(0, 1, log=False, whole=False).text(value)) == pytest.approx(value, rel=1e-3)
