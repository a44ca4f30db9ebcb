from collections import Counter

from gnn_dml.prepare.emoji.split import SIDES, assign, order

SIZES = {(f"g{g}", f"s{g}{s}"): 1 + (3 * g + 5 * s) % 7 for g in range(6) for s in range(9)}
WANTED = {"train": 60, "val": 30, "test": 40}


def classes(sides: dict[tuple[str, str], str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for subgroup, side in sides.items():
        found[side] += SIZES[subgroup]
    return found


def test_sides_are_nearly_full_and_never_too_full() -> None:
    found = classes(assign(SIZES, WANTED))
    for side in SIDES:
        assert 0.9 * WANTED[side] <= found[side] <= WANTED[side]


def test_every_group_is_on_every_side() -> None:
    assert len({(group, side) for (group, _), side in assign(SIZES, WANTED).items()}) == 6 * 3


def test_the_order_of_the_listing_does_not_matter() -> None:
    assert assign(dict(reversed(SIZES.items())), WANTED) == assign(SIZES, WANTED)


def test_the_order_is_fixed_for_ever_and_takes_the_groups_in_turn() -> None:
    found = order({("a", "1"): 1, ("a", "2"): 1, ("a", "3"): 1, ("b", "1"): 1, ("b", "2"): 1})
    assert found == [("a", "3"), ("b", "1"), ("a", "1"), ("b", "2"), ("a", "2")]


def test_a_giant_is_left_out_or_trained_on() -> None:
    giant = ("flags", "country-flag")
    sizes = SIZES | {giant: 258}
    assert giant not in assign(sizes, WANTED)
    kept = assign(sizes, WANTED, keep_all=True)
    assert kept[giant] == "train"
    assert set(kept) == set(sizes)


def test_no_subgroup_dominates_a_side() -> None:
    sides = assign(SIZES | {("g0", "wide"): 8}, WANTED)
    assert max(SIZES.get(item, 8) for item, side in sides.items() if side == "val") <= 30 / 5


def test_decided_subgroups_stay_where_they_are() -> None:
    fixed = {("g0", "s00"): "test", ("g1", "s10"): "val", ("gone", "gone"): "train"}
    sides = assign(SIZES, WANTED, fixed=fixed, keep_all=True)
    assert (sides["g0", "s00"], sides["g1", "s10"]) == ("test", "val")
    assert ("gone", "gone") not in sides
