"""The strict loader: what it reads, what it refuses, and where it says things are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect import _parsing
from rivven_connect.documents import (
    Document,
    InputError,
    Limits,
    load_document,
    parse_document,
    split_pointer,
    to_pointer,
)


def read(text: str | bytes, name: str = "a.yaml") -> Document:
    return parse_document(text, path=name)


def codes(text: str | bytes, name: str = "a.yaml") -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_document(text, path=name)
    return [problem.code for problem in caught.value.problems]


@pytest.fixture(params=["c", "python"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers give the same answers."""
    if request.param == "python":
        monkeypatch.setattr(_parsing, "_LOADER", yaml.SafeLoader)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: text", "text"),
        ("a:", None),
        ("a: ~", None),
        ("a: null", None),
        ("a: true", True),
        ("a: -5", -5),
        ("a: +5", 5),
        ("a: 1.10", 1.1),
        ("a: 5.", 5.0),
        ("a: 1.5e+3", 1500.0),
        ("a: 1.2.0", "1.2.0"),
        ("a: 9223372036854775807", 2**63 - 1),
        ('a: "no"', "no"),
        ("a: '017'", "017"),
        ('a: "2021-01-25"', "2021-01-25"),
        ("a: <<", "<<"),
        ("a: north", "north"),
        ('a: "\\v\\f\\N\\L\\P"', "\x0b\x0c\x85\u2028\u2029"),
        ("a: [1, {b: c}]", [1, {"b": "c"}]),
        ("a: |\n  {{ x }} ${y} $(id)\n", "{{ x }} ${y} $(id)\n"),
    ],
)
def test_reads_json_and_the_yaml_core(text: str, value: object) -> None:
    assert read(text).value["a"] == value
    assert type(read(text).value["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "RVN105"),
        ("# only\n", "RVN105"),
        ("---\n", "RVN105"),
        ("a: \x00", "RVN104"),
        ("a: \x1b[31m", "RVN104"),
        ("a: \ud800", "RVN104"),
        ('a: "\\x1b"', "RVN104"),
        ('a: "\\0"', "RVN104"),
        ("a: 1\n---\nb: 2\n", "RVN109"),
        ("- a\n", "RVN110"),
        ("text\n", "RVN110"),
        ("a: &x 1", "RVN112"),
        ("a: *x", "RVN112"),
        ("a: &x [*x]", "RVN112"),
        ("<<: {a: 1}", "RVN112"),
        ("a: !!python/object/apply:os.system [id]", "RVN113"),
        ("a: !include x", "RVN113"),
        ("a: !!str 1", "RVN113"),
        ("a: ! 1", "RVN113"),
        ("a:\n\tb: 1\n", "RVN107"),
        ("a: [1", "RVN108"),
        ("a: b: c", "RVN108"),
        ("1: a", "RVN115"),
        ("null: a", "RVN115"),
        ("? [a]\n: b", "RVN115"),
        ("? {a: b}\n: b", "RVN115"),
        ("on: a", "RVN114"),
        ("a: .inf", "RVN116"),
        ("a: .nan", "RVN116"),
        ("a: " + "9" * 6000, "RVN116"),
        ("a: 1.0e+400", "RVN116"),
        ("a: ü".encode("latin-1"), "RVN103"),
        ("a: 1".encode("utf-16"), "RVN103"),
    ],
)
def test_refuses(text: str | bytes, code: str) -> None:
    assert code in codes(text)


@pytest.mark.parametrize(
    "scalar",
    [
        "yes",
        "no",
        "on",
        "off",
        "Yes",
        "NO",
        "On",
        "017",
        "0o17",
        "0x1F",
        "0b1",
        "1_000",
        "1e3",
        "1E-3",
        "1.0e3",
        "12:30",
        "12:30:00",
        "08:15",
        "2021-01-25",
        "2021-01-25T10:00:00Z",
        "=",
    ],
)
def test_refuses_scalars_that_yaml_versions_read_differently(scalar: str) -> None:
    with pytest.raises(InputError) as caught:
        read(f"a: {scalar}")
    (problem,) = caught.value.problems
    assert problem.code == "RVN114"
    assert f'"{scalar}"' in problem.hint
    assert read(f"a: '{scalar}'").value == {"a": scalar}


def test_names_both_lines_of_a_key_that_stands_twice() -> None:
    with pytest.raises(InputError) as caught:
        read("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    inner, outer = caught.value.problems
    assert (inner.line, inner.column, "line 3" in inner.message) == (4, 3, True)
    assert (outer.line, outer.column, "line 1" in outer.message) == (5, 1, True)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "a:\n"])
@pytest.mark.parametrize("depth", [65, 5_000, 100_000])
def test_refuses_deep_nesting_at_once(
    opening: str, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[yaml.Event] = []
    events = _parsing._events

    def noted(text: str) -> Iterator[yaml.Event]:
        for one in events(text):
            taken.append(one)
            yield one

    monkeypatch.setattr(_parsing, "_events", noted)
    text = opening * depth
    if opening == "a:\n":
        text = "".join(" " * level + "a:\n" for level in range(min(depth, 1_000)))
    assert codes(text) == ["RVN106"]
    assert len(taken) < 3 * 65, "it is read no further"


def test_accepts_64_levels() -> None:
    assert "a" in read("a: " + "[" * 63 + "]" * 63).value


def test_one_mebibyte_is_read_and_more_is_not() -> None:
    size = 1024 * 1024
    assert len(read("a: " + "x" * (size - 3)).value["a"]) == size - 3
    assert codes("a: " + "x" * (size - 2)) == ["RVN102"]


def test_byte_order_mark_and_crlf_change_nothing() -> None:
    plain = read("a: 1\nb: text\n").value
    assert read("\ufeffa: 1\r\nb: text\r\n".encode()).value == plain
    assert read("a: 1\nb: text").value == plain


def test_positions() -> None:
    document = read('a: 1\nb:\n  "c/d": [1.10, {e: f}]\n')
    path = ("b", "c/d", 1, "e")
    assert document.position(path) == (3, 21)
    assert document.position(path, key=True) == (3, 18)
    assert document.position("/b/c~1d/1/e") == (3, 21)
    assert document.position(("b",), key=True) == (2, 1)
    assert document.position(("b", "c/d", 7, "missing")) == (3, 10)
    assert document.position(("nothing",)) == (1, 1)
    assert document.source(("b", "c/d", 0)) == "1.10"
    assert document.source(("b",)) == ""


def test_a_problem_knows_its_place() -> None:
    problem = read("a:\n  b: 1\n").problem("RVN999", "wrong", ("a", "b"), hint="right")
    assert problem.render() == "a.yaml:2:6: RVN999 wrong (at /a/b)\n  fix: right"


def test_json_files_are_strict_json() -> None:
    text = '{"a": "\\ud83d\\ude00\\/",\n\t"b": 1e3, "c": [-0.5, 1E-2]}'
    assert read(text, "a.json").value == json.loads(text)
    assert codes("{a: 1}", "a.json") == ["RVN108"]
    assert codes('{"a": NaN}', "a.json") == ["RVN116"]
    assert codes('{"a": 1, "a": 2}', "a.json") == ["RVN111"]
    assert codes('{"a": "\\ud83d"}', "a.json") == ["RVN104"]
    assert codes("[" * 100_000, "a.json") == ["RVN106"]
    assert codes('{"a": "\\u001b"}', "a.json") == ["RVN104"]


def test_messages_are_escaped_and_short() -> None:
    with pytest.raises(InputError) as caught:
        read("\u202e" + "k" * 5_000 + ": 1\n\u202e" + "k" * 5_000 + ": 1\n")
    rendered = str(caught.value)
    assert "\u202e" not in rendered
    assert len(rendered) < 2_000


def test_pointers() -> None:
    assert split_pointer(to_pointer(("a/b", "~", 0))) == ["a/b", "~", "0"]
    for bad in ("a", "/~2", "/~"):
        with pytest.raises(ValueError, match="JSON pointer"):
            split_pointer(bad)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"a: " + b"x" * 100)
    (tmp_path / "loop").symlink_to("loop")
    expected = {
        tmp_path / "pipe": "RVN101",
        Path("/dev/zero"): "RVN101",
        tmp_path: "RVN101",
        tmp_path / "empty": "RVN105",
        tmp_path / "large": "RVN102",
        tmp_path / "missing": "RVN100",
        tmp_path / "loop": "RVN100",
        tmp_path / "large" / "below": "RVN100",
        Path("nul\x00"): "RVN100",
    }
    for path, code in expected.items():
        with pytest.raises(InputError) as caught:
            load_document(path, limits=Limits(max_bytes=50))
        assert [problem.code for problem in caught.value.problems] == [code], path


def test_many_problems_are_cut_short() -> None:
    assert len(codes("".join(f"k{n}: !x\n" for n in range(1_000)))) == 100


@settings(max_examples=60, deadline=None)
@given(
    st.text(
        alphabet=st.sampled_from(list("ab:-?[]{},&*!|>'\"%@`#\\ \n\t~1.e<\x00\ud800é")), max_size=60
    )
)
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        value = parse_document(text, path="a.yaml").value
    except InputError as error:
        value = [problem.code for problem in error.problems]
    json.dumps(value, allow_nan=False)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["C"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(exclude_categories=["C"]), max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(json_values)
def test_json_comes_back_as_it_was(value: object) -> None:
    assert parse_document(json.dumps({"v": value}), path="a.json").value == {"v": value}
