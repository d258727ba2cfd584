"""Manifests whose every text is what somebody wants it to be, and the projects made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from text_shapes import shape_of

from rivven_generator.load import load_manifest
from rivven_generator.plan import standalone_layout
from rivven_generator.scaffold import Request, new_project, project_texts

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
            key("pattern"): {"type": "string", "pattern": f"^{_as_pattern(text('p'))}$", **prose},
            key("judged"): {"type": "string", "validator": "judged", "default": text("j"), **prose},
            key("inline"): {
                "discriminator": {"propertyName": key("kind")},
                "oneOf": [
                    {
                        "type": "object",
                        "required": [key("kind")],
                        **prose,
                        "properties": {
                            key("kind"): {"const": key(tag)},
                            key("list"): {"type": "array", "items": {"enum": [text("q")]}},
                        },
                    }
                    for tag in ("red", "blue")
                ],
                "default": {key("kind"): key("red")},
            },
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
    example = {
        key("needed"): text("n"),
        key("open"): {text("a"): text("b")},
        key("inline"): {key("kind"): key("blue"), key("list"): [text("q")]},
        key("secret"): text("s" * 8),
    }
    manifest: dict[str, Any] = {
        "manifest": "1",
        "kind": kind,
        "name": "demo",
        "version": "1.0.0",
        **prose,
        "author": text("a"),
        "documentation_url": f"https://example.com/?q={quote(text('u'))}",
        "license": "Apache-2.0",
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
            {"name": "spaced", "namespace": text("n"), "schema": plain, "cursor": "id"},
            {"name": "rows", "schema": plain},
        ]
    }


def _as_pattern(text: str) -> str:
    """Return a portable pattern that matches a text; what no engine reads as a sign stays itself."""
    return re.sub(r"[\\^$.|?*+()\[\]{}/-]", r"\\\g<0>", text)


def pointer(name: str) -> str:
    """Return the JSON pointer of a property."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def written(folder: Path, manifest: dict[str, Any]) -> Path:
    """Write a manifest, every awkward character as an escape, and return it."""
    path = folder / "connector.yaml"
    text = json.dumps(manifest, ensure_ascii=False)
    path.write_text(re.sub("[^ -~]", _escaped, text), encoding="utf-8")
    return path


def texts_of(folder: Path, kind: Kind, text: Text, key: Text) -> dict[str, str]:
    """Return path -> text of every file of the project that the manifest makes."""
    loaded = load_manifest(written(folder, manifest_of(kind, text, key)))
    files = project_texts(loaded, standalone_layout(loaded.manifest))
    del files["connector.yaml"]
    return files


def shapes(folder: Path, kind: Kind, text: Text, key: Text) -> dict[str, object]:
    """Return path -> shape of every file of the project that the manifest makes."""
    files = texts_of(folder, kind, text, key)
    return {path: shape_of(path, content) for path, content in files.items()}


def starter_shapes(folder: Path, kind: Kind, description: str) -> dict[str, object]:
    """Return path -> shape of every file of the project that `rivven new` makes of a sentence."""
    new_project(Request(kind=kind, name="demo", folder=str(folder / kind), description=description))
    files = {
        path.relative_to(folder / kind).as_posix(): path.read_text(encoding="utf-8")
        for path in (folder / kind).rglob("*")
        if path.is_file()
    }
    return {path: shape_of(path, content) for path, content in files.items()}


def _escaped(found: re.Match[str]) -> str:
    """Return a character as YAML escapes it; unlike JSON, it has no surrogate pairs."""
    return f"\\U{ord(found[0]):08x}"
