"""Trials that are asked and told once, whatever is killed between."""

import math

import optuna
import pytest

from gnn_dml.experiments.search_space import Choice, Range, SearchSpace
from gnn_dml.experiments.trials import STARTUP, Trials, best

SPACE = SearchSpace(
    "mine",
    {
        "optimizer.lr": Range(1e-4, 1e-1, log=True, whole=False),
        "graph.k": Range(1, 9, log=False, whole=True),
        "refiner.start": Choice(("identity", "expansion")),
    },
)


def value(settings):
    """Best at a rate of 0.01, with few neighbours."""
    held = dict(one.split("=") for one in settings)
    return -abs(math.log10(float(held["optimizer.lr"])) + 2) - int(held["graph.k"]) / 10


def search(folder, trials, *, start=0, cell="a", **options):
    made = Trials(folder, cell, options.pop("space", SPACE), options)
    for number in range(start, trials):
        made.tell(number, value(made.ask(number)))
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The rows of a search that nothing disturbed."""
    return search(tmp_path_factory.mktemp("whole"), 16).rows()


def test_values_lie_in_the_space_and_get_better_after_the_random_ones(whole):
    rows = whole
    assert [row["trial"] for row in rows] == list(range(16))
    for row in rows:
        rate, k, start = (one.split("=")[1] for one in row["settings"])
        assert 1e-4 <= float(rate) <= 1e-1
        assert 1 <= int(k) <= 9
        assert start in SPACE.settings["refiner.start"].values
        assert row["value"] == value(row["settings"])
    top = [row["value"] for row in rows]
    assert sum(top[STARTUP:]) / 6 > sum(top[:STARTUP]) / STARTUP
    assert best(rows)["value"] == max(top)


def test_a_search_that_is_cut_anywhere_is_the_same_search(whole, tmp_path):
    search(tmp_path / "b", 5)
    Trials(tmp_path / "b", "a", SPACE, {}).ask(5)  # asked, and killed before it was told
    again = Trials(tmp_path / "b", "a", SPACE, {})
    again._study.ask().suggest_float("optimizer.lr", 1e-4, 1e-1, log=True)  # killed while trial 6 was sampled
    first = again._study.get_trials()[6].params
    rows = search(tmp_path / "b", 9, start=5).rows()
    assert rows[:6] == whole[:6]
    assert len(rows) == 9
    assert float(rows[6]["settings"][0].split("=")[1]) == pytest.approx(first["optimizer.lr"], rel=1e-3)
    assert rows[6]["settings"][1:] == whole[6]["settings"][1:]


def test_what_was_told_stays_told(tmp_path):
    made = search(tmp_path, 3)
    asked = made.ask(1)
    made.tell(1, 100.0)
    assert made.ask(1) == asked
    assert made.rows()[1]["value"] == value(asked)


def test_cells_begin_alike_and_are_kept_apart(tmp_path):
    one = search(tmp_path, 4).rows()
    other = search(tmp_path, 3, cell="b").rows()
    assert [row["settings"] for row in other] == [row["settings"] for row in one[:3]]
    assert Trials(tmp_path, "a", SPACE, {"settings": "others"}).rows() == []


def test_random_search_does_not_look_at_values(tmp_path):
    space = SearchSpace("mine", SPACE.settings, sampler="random")
    made = Trials(tmp_path, "a", space, {})
    for number in range(STARTUP + 2):
        made.ask(number)
        made.tell(number, 0.0)
    assert [row["settings"] for row in made.rows()] == [
        row["settings"] for row in search(tmp_path / "b", STARTUP + 2, space=space).rows()
    ]


def test_the_storage_is_one_that_optuna_reads(tmp_path):
    search(tmp_path, 3)
    (study,) = optuna.get_all_study_summaries(f"sqlite:///{tmp_path / 'trials.db'}")
    assert study.n_trials == 3
