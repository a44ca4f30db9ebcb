import pytest

from gnn_dml.prepare.emoji.corrections import CORRECTIONS
from gnn_dml.prepare.emoji.icons import IconSet
from gnn_dml.prepare.emoji.match import Emoji, match_set, name_table, normalise, slug, unicode_emoji

BOX = {"width": 16, "height": 16}


def entry(codes: str, name: str, group: str = "G") -> dict[str, str]:
    return {"codes": codes, "name": name, "group": group, "subgroup": "s"}


def icon_set(names: list[str], aliases: dict[str, dict[str, object]] | None = None, **kwargs: object) -> IconSet:
    raw = {**BOX, "icons": {name: {"body": f"<g id='{name}'/>"} for name in names}, "aliases": aliases or {}}
    chars = kwargs.pop("chars", {})
    return IconSet(str(kwargs.pop("vendor", "some")), raw, chars, **kwargs)  # type: ignore[arg-type]


def bodies(icons: IconSet, emoji: list[Emoji], *naming: IconSet) -> dict[str, str]:
    found = match_set(icons, emoji, name_table(emoji, naming))
    return {codes: icon.body.split("'")[1] for codes, icon in found.items()}


@pytest.mark.parametrize(
    ("codes", "plain"),
    [("0023 FE0F 20E3", "23-20e3"), ("1F600", "1f600"), ("00a9", "a9"), ("1f3f3-fe0f-200d-1f308", "1f3f3-200d-1f308")],
)
def test_codepoints_have_one_spelling(codes: str, plain: str) -> None:
    assert normalise(codes) == plain


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("woman\u2019s hat", "womans-hat"),
        ("woman's hat", "womans-hat"),
        ("piñata", "pinata"),
        ("O button (blood type)", "o-button-blood-type"),
    ],
)
def test_names_become_icon_names(name: str, written: str) -> None:
    assert slug(name) == written


def test_skin_tones_and_components_are_left_out() -> None:
    entries = [
        entry("1F44B", "waving hand"),
        entry("1F44B 1F3FB", "waving hand: light skin tone"),
        entry("1F469 1F3FF 200D 1F680", "woman astronaut: dark skin tone"),
        entry("1F3FB", "light skin tone", "Component"),
        entry("1F9B0", "red hair", "Component"),
    ]
    assert [item.codepoints for item in unicode_emoji(entries)] == ["1f44b"]


def test_spellings_of_one_emoji_are_one_class() -> None:
    found = unicode_emoji([entry("2639 FE0F", "frowning face"), entry("2639", "FROWNING")])
    assert [(item.codepoints, item.name) for item in found] == [("2639", "frowning face")]


def test_codepoints_decide_where_a_set_gives_them() -> None:
    emoji = unicode_emoji([entry("1F600", "grinning"), entry("1F601", "beaming")])
    icons = icon_set(["beaming", "x"], chars={"1f600": "beaming", "1f601": "x", "1f999": "x", "1f602": "gone"})
    assert bodies(icons, emoji) == {"1f600": "beaming", "1f601": "x"}


def test_other_sets_match_by_todays_names_by_older_ones_and_by_character_names() -> None:
    emoji = unicode_emoji([entry("1F600", "grinning face"), entry("1F601", "beaming face"), entry("1F5D1", "bin")])
    naming = icon_set(["new"], {"old": {"parent": "new"}}, chars={"1f601": "new"})
    icons = icon_set(["grinning-face", "old", "wastebasket", "unknown"])
    assert bodies(icons, emoji, naming) == {"1f600": "grinning-face", "1f601": "old", "1f5d1": "wastebasket"}


def test_an_alias_that_turns_the_drawing_gives_no_name_to_its_parent() -> None:
    emoji = unicode_emoji([entry("1F601", "left")])
    naming = icon_set(["left"], {"turned": {"parent": "left", "hFlip": True}}, chars={"1f601": "left"})
    assert bodies(icon_set(["turned"]), emoji, naming) == {}


def test_a_name_of_two_emoji_is_not_used() -> None:
    emoji = unicode_emoji([entry("1F600", "a"), entry("1F601", "b")])
    naming = [icon_set(["bear"], chars={"1f600": "bear"}), icon_set(["bear"], chars={"1f601": "bear"})]
    assert bodies(icon_set(["bear"]), emoji, *naming) == {}
    assert bodies(icon_set(["bear"]), emoji, naming[0]) == {"1f600": "bear"}


def test_todays_name_beats_an_older_one() -> None:
    emoji = unicode_emoji([entry("1F600", "bear"), entry("1F601", "other")])
    naming = icon_set(["bear"], chars={"1f601": "bear"})
    assert bodies(icon_set(["bear"]), emoji, naming) == {"1f600": "bear"}


def test_names_without_hyphens() -> None:
    emoji = unicode_emoji([entry("1F600", "hot dog")])
    assert bodies(icon_set(["hotdog"]), emoji) == {}
    assert bodies(icon_set(["hotdog"], compact_names=True), emoji) == {"1f600": "hotdog"}


def test_corrections_send_a_drawing_to_the_emoji_that_it_shows() -> None:
    emoji = unicode_emoji([entry("1F408", "cat"), entry("1F431", "cat face")])
    icons = icon_set(["cat", "catside"], vendor="fxemoji", compact_names=True)
    assert CORRECTIONS["fxemoji"]["cat"] == "1f431"
    assert bodies(icons, emoji) == {"1f431": "cat", "1f408": "catside"}
    assert bodies(icon_set(["cat", "catside"]), emoji) == {"1f408": "cat"}
