"""Text of a manifest never becomes anything but text, whatever it holds (reliability.md, G-0)."""

from __future__ import annotations

import functools
import json
import re
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from text_shapes import shape_of

from rivven_generator.load import load_manifest
from rivven_generator.plan import standalone_layout
from rivven_generator.scaffold import project_texts

Kind = Literal["source", "sink", "transform"]
KINDS: tuple[Kind, ...] = ("source", "sink", "transform")
FRAGMENTS = (
    *('"""', "'''", "\\", '\\"""', "\\N{DASH}", "\\x41", "\\u0041"),
    *("{{ 7*7 }}", "{% raw %}", "{# no #}", "%(x)s", "%s", "{x}", "${env:X}", "$(id)", "`id`", "``"),
    *("\n", "\r", "\r\n", "\t", "\x85", "\u2028", "\u2029", "\x0b", "\x0c"),
    *('"""\nimport os\nos.system("id")\n"""', "\rimport os", "x: y", "- x", "# x", "|", "---", "* x"),
    *("]]>", "<script>", "</td>", "[x](javascript:x)", "![x](x)", "~~~", "> x", "1. x", "&amp;"),
    *("é", "\u202e", "\ufeff", "\U0001f600", "no", "null", "1", "'", '"', ",", "}", "]", "=", "!x", "&x"),
)  # fmt: skip
Text = Callable[[str], str]


def manifest_of(kind: Kind, text: Text, key: Text) -> dict[str, Any]:
    """Return a manifest with `text` wherever free text may stand, and `key` where a key may."""
    prose = {"title": text("t"), "description": text("d")}
    config = {
        "type": "object",
        **prose,
        "required": [key("needed")],
        "properties": {
            key("needed"): {"type": "string", **prose, "examples": [text("x")], "group": text("g")},
            key("choice"): {
                "type": "string",
                "enum": [text("one"), text("two")],
                "default": text("one"),
                **prose,
            },
            key("fixed"): {"const": text("f"), **prose},
            key("mixed"): {"enum": [text("m"), 1, None, True], "default": text("m")},
            key("open"): {
                "type": "object",
                "additionalProperties": {"type": "string", **prose},
                "default": {text("k"): text("v")},
            },
            key("list"): {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "default": [text("i"), text("j")],
            },
            key("anything"): {"default": {text("k"): [text("v"), 1]}, **prose},
            key("nested"): {
                "type": "object",
                **prose,
                "additionalProperties": False,
                "properties": {key("inner"): {"type": "integer", **prose}},
            },
            key("union"): {
                "discriminator": {"propertyName": key("tag")},
                "oneOf": [{"$ref": "#/$defs/First"}, {"$ref": "#/$defs/Second"}],
                **prose,
            },
            key("secret"): {"type": "string", "secret": True, **prose},
        },
        "$defs": {
            name: {
                "type": "object",
                "required": [key("tag")],
                **prose,
                "properties": {key("tag"): {"const": text(name)}},
            }
            for name in ("First", "Second")
        },
    }
    example = {key("needed"): text("n"), key("open"): {text("a"): text("b")}}
    manifest: dict[str, Any] = {
        "manifest": "1",
        "kind": kind,
        "name": "demo",
        "version": "1.0.0",
        **prose,
        "author": text("a"),
        "tags": [text("one"), text("two")],
        "config": config,
        "rules": [
            {"require_any": [key("needed"), key("secret")]},
            {"when": {key("choice"): text("two")}, "require": [key("secret")]},
        ],
        "tests": {
            "valid": {"one": example},
            "invalid": {
                "other": {
                    "config": {**example, key("choice"): text("three")},
                    "at": pointer(key("choice")),
                    "rule": "enum",
                }
            },
        },
    }
    return {**manifest, **_parts(kind, text, key, example, prose)}


def _parts(
    kind: Kind, text: Text, key: Text, example: dict[str, Any], prose: dict[str, str]
) -> dict[str, Any]:
    if kind == "sink":
        return {"batching": True}
    if kind == "transform":
        event = {"stream": "items", "data": {text("k"): text("v")}}
        return {
            "tests": {
                "valid": {"one": example},
                "cases": [{"name": "one", "config": example, "input": event, "output": [event]}],
            }
        }
    properties = {
        key("id"): {"type": "integer", **prose},
        key("state"): {"enum": [text("one"), text("two")], **prose},
        key("inner"): {"type": "object", "properties": {key("deep"): {"type": "string"}}, **prose},
        key("many"): {"type": "array", "items": {"const": text("c")}},
    }
    schema = {"type": "object", **prose, "properties": properties, "required": [key("id")]}
    plain = {"type": "object", **prose, "properties": {"id": {"type": "integer", **prose}}}
    return {
        "streams": [
            {"name": "items", "primary_key": [key("id")], "schema": schema},
            {"name": "rows", "schema": plain},
        ]
    }


def pointer(name: str) -> str:
    """Return the JSON pointer of a property."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def shapes(folder: Path, kind: Kind, text: Text, key: Text) -> dict[str, object]:
    """Return path -> shape of every file of the project that the manifest makes."""
    path = folder / "connector.yaml"
    manifest = json.dumps(manifest_of(kind, text, key), ensure_ascii=False)
    path.write_text(re.sub("[^ -~]", _escaped, manifest), encoding="utf-8")
    loaded = load_manifest(path)
    files = project_texts(loaded, standalone_layout(loaded.manifest))
    del files["connector.yaml"]
    return {path: shape_of(path, content) for path, content in files.items()}


def _escaped(found: re.Match[str]) -> str:
    """Return a character as YAML escapes it; unlike JSON, it has no surrogate pairs."""
    return f"\\U{ord(found[0]):08x}"


@functools.cache
def benign(kind: Kind) -> dict[str, object]:
    """Return the shapes with texts that nobody would think about twice."""
    with tempfile.TemporaryDirectory() as folder:
        return shapes(
            Path(folder), kind, lambda role: f"plain {role}", lambda role: f"{role} {role}"
        )


def hostile(folder: Path, kind: Kind, before: str, after: str) -> dict[str, object]:
    """Return the shapes with a text around each role."""

    def key(role: str) -> str:
        # Its letters decide the Python name and are not at issue here.
        return f"{role}{_without_letters(before)} {_without_letters(after)}{role}"

    return shapes(folder, kind, lambda role: f"{before}{role}{after}", key)


def _without_letters(text: str) -> str:
    """Return the rest of a text; keys may hold no control characters and no line ends."""
    kinds = {char: unicodedata.category(char) for char in text}
    return "".join(
        char for char in text if not char.isalnum() and kinds[char][0] != "C" and char.isprintable()
    )


def assert_same(first: dict[str, object], second: dict[str, object]) -> None:
    """Compare file by file, so that a failure names the file."""
    assert first.keys() == second.keys()
    for path, shape in first.items():
        assert second[path] == shape, path


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=ascii)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_hostile_text_changes_strings_and_nothing_else(fragment: str, tmp_path: Path) -> None:
    assert_same(benign("source"), hostile(tmp_path, "source", fragment, fragment))


@given(st.data())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_so_does_any_mixture(tmp_path: Path, data: st.DataObject) -> None:
    mixtures = st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join)
    kind = data.draw(st.sampled_from(KINDS))
    before, after = data.draw(mixtures), data.draw(mixtures)
    assert_same(benign(kind), hostile(tmp_path, kind, before, after))


def test_the_comparison_notices_code() -> None:
    assert shape_of("a.py", 'x = "a"') == shape_of("a.py", 'x = "b"')
    assert shape_of("a.py", 'x = "a"') != shape_of("a.py", 'x = "a" + y')
    call = 'X = TypedDict("X", {"a-b": "NotRequired[%s]"})'
    assert shape_of("a.py", call % "str") != shape_of("a.py", call % "int")
    assert shape_of("a.md", "| a |\n|---|\n| b |") != shape_of("a.md", "| a |\n|---|\n| b | c\nd")
    assert shape_of("a.toml", 'a = "b"') != shape_of("a.toml", 'a = "b"\nc = 1')
