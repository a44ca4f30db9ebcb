"""Text of the user's: what is typed stays, and what is shown can be shown anywhere."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.text import exists, show_name, show_text, typed_path

ANY = st.text(
    alphabet=st.characters(codec=None, categories=None) | st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
)


@given(ANY)
def test_a_shown_name_is_utf8_on_one_line_and_commands_no_terminal(name):
    shown = show_name(name)
    shown.encode()
    assert not [letter for letter in shown if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [letter for letter in shown if unicodedata.bidirectional(letter) in ("RLO", "LRO", "RLE", "LRE", "PDF")]
    assert show_name(shown) == shown


@given(st.text(alphabet=st.characters(categories=["L", "N", "S", "P"])))
def test_ordinary_names_of_any_script_are_shown_as_they_are(name):
    assert show_name(name) == show_text(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("caf\udce9.png", r"caf\xe9.png"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\nb", r"a\x0ab"),
        ("\ud83d", r"\ud83d"),
        ("gpj\u202e.exe", r"gpj\u202e.exe"),
        ("\x9b2J", r"\x9b2J"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(name, shown):
    assert show_name(name) == shown


def test_text_keeps_its_lines():
    assert show_text("a\tb\n\x1bc\r\n") == "a\tb\n\\x1bc\\x0d\n"


def test_a_tilde_is_the_home_folder_and_only_in_front(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert typed_path("~/runs") == tmp_path / "runs"
    assert typed_path("~") == tmp_path
    for same in ("./~", "a/~/b", "a~", "~nobody-of-this-name/x"):
        assert typed_path(same) == Path(same)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "no/such", ""])
def test_what_can_be_no_file_is_not_there(name):
    assert not exists(name)
