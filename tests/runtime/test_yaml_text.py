"""The YAML writer: what it writes, the strict loader reads back, and people can read."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect.documents import parse_document, yaml_text

AWKWARD = (
    *("no", "1e3", "0o17", "017", "12:30", "2021-01-25", "1_0", "=", "~", "", "null", ".5e+3", "true"),
    *("- a", "? x", "# x", "a #b", "a: b", "a:", "{", "[", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a"),
    *("\n", "a\n", "a\n\n", " a\nb", "a\n b", "a\t", "\x85x", "\u2028", "\u202e", "\ufeff", "\xa0"),
    *("é", "\U0001f600", "\U000e0041", "'", '"', "\\", "x" * 200, "word " * 40, "x: y # " * 30),
)  # fmt: skip
REFUSED = "".join(map(chr, [*range(9), *range(14, 32), *range(0x7F, 0xA0), 0xFFFE, 0xFFFF]))
texts = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=REFUSED), max_size=8
)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(values, st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_strict_loader_reads_it_back(value: Any, compact: bool) -> None:
    text = yaml_text({"v": value}, compact=compact)
    assert repr(parse_document(text, path="a.yaml").value) == repr({"v": value})
    assert repr(yaml.safe_load(text)) == repr({"v": value})


@pytest.mark.parametrize("text", AWKWARD, ids=ascii)
def test_so_is_each_awkward_text_as_key_value_and_item(text: str) -> None:
    value = {text: text, "list": [text, {text: text}]}
    for compact in (False, True):
        written = yaml_text(value, compact=compact)
        assert parse_document(written, path="a.yaml").value == value
        assert all(char.isprintable() or char == "\n" for char in written), written


def test_it_reads_as_a_person_would_write_it() -> None:
    value = {
        "names": ["a", "b"],
        "empty": [],
        "text": "one\ntwo\n",
        "é": "no",
        "long": "word " * 24 + "end",
    }
    assert yaml_text(value, compact=True) == (
        "names: [a, b]\n"
        "empty: []\n"
        "text: |\n  one\n  two\n"
        'é: "no"\n'
        f"long: >-\n  {'word ' * 19}word\n  {'word ' * 4}end\n"
    )  # fmt: skip
    assert yaml_text({"names": ["a", "b"]}) == "names:\n  - a\n  - b\n"


def test_a_document_does_not_show_what_it_holds() -> None:
    """Neither `repr` nor rich, which asks a struct for all its fields."""
    document = parse_document("token: hunter2\n", path="a.yaml")
    pretty = importlib.import_module("rich.pretty")
    assert repr(document) == "Document(path='a.yaml')"
    assert pretty.pretty_repr(document) == "Document(path='a.yaml')"
