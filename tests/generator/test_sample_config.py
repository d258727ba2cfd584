"""The sample config: it means the example, shows everything else, and each comment can be set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from commented_yaml import all_at_once, blocks_of, one_by_one, uncomment

from rivven_connect import InputError
from rivven_connect._registry import Registries
from rivven_connect._values import resolve_values
from rivven_connect.documents import parse_document, split_pointer, yaml_text
from rivven_generator.environment import secret_variables
from rivven_generator.load import LoadedManifest, load_manifest
from rivven_generator.manifest import Manifest
from rivven_generator.options import all_rows, options, step_text
from rivven_generator.sample_config import config_example
from rivven_generator.schema import ConfigVerdict, compile_config_schema, complete, resolve
from rivven_generator.schema.tree import tag_of
from rivven_generator.views import example_config

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted(
    [
        *ROOT.glob("tests/golden/*/connector.yaml"),
        *ROOT.glob("runtime/src/rivven_connect/connectors/*/connector.yaml"),
        *ROOT.glob("tests/generator/*_manifests/*.yaml"),
    ]
)
BUILT_IN = [path for path in MANIFESTS if path.parents[1].name == "connectors"]
SECRET = "not-a-real-secret"
EXCLUDING = {"require_any", "require_one", "require_together", "when", "require", "maxProperties"}
"""Rules about several settings at once: what they forbid, no single comment can help."""


def name_of(path: Path) -> str:
    return path.parent.name if path.name == "connector.yaml" else path.stem


def sample_of(path: Path) -> tuple[LoadedManifest, dict[str, Any], str]:
    loaded = load_manifest(path)
    schema = compile_config_schema(loaded.manifest)
    secrets = secret_variables(loaded.manifest, all_rows(options(schema)))
    variables = {one.path: one.variable for one in secrets}
    return loaded, schema, config_example(loaded, schema, variables)


def config_in(text: str) -> Any:
    """Return what the runtime would read, each secret replaced."""
    environ = dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", text), SECRET)
    resolved = resolve_values(parse_document(text, path="config.yaml").value, environ=environ)
    assert not resolved.errors()
    return resolved.value


def secrets_masked(root: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> Any:
    node = resolve(root, schema)
    if node.get("writeOnly"):
        return SECRET
    if isinstance(value, list):
        return [secrets_masked(root, node.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    node = branch_of(root, node, value)
    extra = node.get("additionalProperties", {})
    extra = extra if isinstance(extra, Mapping) else {}
    declared = node.get("properties", {})
    return {k: secrets_masked(root, declared.get(k, extra), item) for k, item in value.items()}


def branch_of(
    root: Mapping[str, Any], node: Mapping[str, Any], value: Mapping[str, Any]
) -> Mapping[str, Any]:
    if "oneOf" not in node:
        return node
    tag = node["discriminator"]["propertyName"]
    branches = [resolve(root, branch) for branch in node["oneOf"]]
    return next(branch for branch in branches if tag_of(branch, tag) == value[tag])


def paths_in(
    root: Mapping[str, Any], schema: Mapping[str, Any], value: Any, path: str
) -> Iterator[str]:
    """Yield the path, as the option table has it, of everything that a config says."""
    node = resolve(root, schema)
    yield path
    if isinstance(value, list):
        for item in value:
            yield from paths_in(root, node.get("items", {}), item, f"{path}[]")
    if not isinstance(value, dict):
        return
    if "oneOf" in node:
        path = f"{path}[{value[node['discriminator']['propertyName']]}]"
        yield path
    node = branch_of(root, node, value)
    extra = node.get("additionalProperties")
    for name, item in value.items():
        head = f"{path}." if path else ""
        if name in node.get("properties", {}):
            yield from paths_in(root, node["properties"][name], item, f"{head}{step_text(name)}")
        elif isinstance(extra, Mapping):
            yield from paths_in(root, extra, item, f"{head}*")


def complaints(manifest: Manifest, schema: dict[str, Any], config: Any) -> list[Any]:
    """Return why a config is refused, but for what is about several settings together."""
    return [
        one
        for one in ConfigVerdict(schema, manifest.rules).failures(config)
        if not EXCLUDING & set(one.rules) and not is_stand_in(config, one.places[0])
    ]


def is_stand_in(config: Any, pointer: str) -> bool:
    """Whether the value is a secret, or one that only the author's validator could choose."""
    for key in split_pointer(pointer):
        try:
            config = config[int(key)] if isinstance(config, list) else config[key]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(config, list):
        return bool(config) and all(item == SECRET for item in config)
    return isinstance(config, str) and (config == SECRET or config.startswith("<"))


@pytest.mark.parametrize("path", MANIFESTS, ids=name_of)
def test_it_means_the_example(path: Path) -> None:
    loaded, schema, text = sample_of(path)
    example = secrets_masked(schema, schema, example_config(loaded))
    assert complete(schema, schema, config_in(text)) == complete(schema, schema, example)


@pytest.mark.parametrize("path", MANIFESTS, ids=name_of)
def test_each_comment_can_be_set_and_together_they_show_every_option(path: Path) -> None:
    loaded, schema, text = sample_of(path)
    shown: set[str] = set()
    for variant in (text, *one_by_one(text), all_at_once(text)):
        config = config_in(variant)
        assert not complaints(loaded.manifest, schema, config), variant
        shown |= set(paths_in(schema, schema, config, ""))
    assert {row.path for row in all_rows(options(schema))} - shown == set()


@pytest.mark.parametrize("path", BUILT_IN, ids=name_of)
def test_the_class_of_a_built_in_connector_accepts_each_of_them(path: Path) -> None:
    loaded, _, text = sample_of(path)
    manifest = loaded.manifest
    config_class = Registries.installed().of(manifest.kind).resolve(manifest.name).config_cls
    refused = [rules_against(config_class, config_in(one)) for one in (text, *one_by_one(text))]
    assert not refused[0]
    assert set().union(*refused) <= EXCLUDING | {"validator"}


def rules_against(config_class: Any, config: Any) -> set[str]:
    try:
        config_class.parse(config)
    except InputError as error:
        return {problem.rule for problem in error.problems}
    return set()


def test_a_sample_holds_no_more_than_it_may(tmp_path: Path) -> None:
    number = {"type": "integer"}
    declared = {"a": number, "b": number | {"default": 1}, "c": number | {"default": 2}}
    few = {"type": "object", "maxProperties": 1, "properties": declared, "required": ["a"]}
    config = {"type": "object", "properties": {"few": few, "fewer": few | {"maxProperties": 2}}}
    path = tmp_path / "connector.yaml"
    parts = {"manifest": "1", "kind": "sink", "name": "demo", "config": config}
    path.write_text(yaml_text(parts))
    _, schema, text = sample_of(path)
    for block in blocks_of(text):
        found = config_in(uncomment(text, block))
        assert found
        assert ConfigVerdict(schema).accepts(found), found


def test_secrets_of_the_manifest_s_own_configs_are_nowhere() -> None:
    text = sample_of(ROOT / "tests/golden/github-issues/connector.yaml")[2]
    assert "not-a-real" not in text
    assert "token: ${env:GITHUB_ISSUES_AUTH_TOKEN_TOKEN}" in text


HOSTILE = (
    *("\n# x: 1", "\nrouge: 1\n", "\r\nx: 1", "\x85x: 1", "\u2028x: 1", "\u202ex", "# x", "## Instead, "),
    *("- a", "a: b", "{", "|", "'", '"', "${env:HOME}", "no", "%", "\t"),
)  # fmt: skip


@pytest.mark.parametrize("fragment", HOSTILE, ids=ascii)
def test_hostile_text_stays_in_its_comment_or_value(fragment: str, tmp_path: Path) -> None:
    text = f"a {fragment} b"
    prose = {"title": text, "description": text}
    properties = {
        "plain": {"type": "string", "default": text, **prose},
        "choice": {"enum": [text, "b"], "examples": [text], **prose},
        "inner": {"type": "object", "properties": {"x": {"type": "integer", **prose}}, **prose},
        "map": {"type": "object", "additionalProperties": {"type": "string"}, "default": {"k": text}},
        "secret": {"type": "string", "secret": True, **prose},
        "union": {"oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
                  "discriminator": {"propertyName": "t"}, **prose},
    }  # fmt: skip
    branch = {"type": "object", "required": ["t"], **prose}
    manifest = {
        "manifest": "1", "kind": "sink", "name": "demo", "description": text,
        "config": {
            "type": "object", "properties": properties, **prose,
            "$defs": {k: {**branch, "properties": {"t": {"const": f"{k} {text}"}}} for k in "AB"},
        },
        "rules": [{"when": {"plain": text}, "require": ["choice"]}],
        "tests": {"valid": {"one": {"inner": {}, "choice": "b"}}},
    }  # fmt: skip
    path = tmp_path / "connector.yaml"
    path.write_text(yaml_text(manifest))
    loaded, schema, made = sample_of(path)
    whole = config_in(all_at_once(made))
    assert set(whole) == set(properties)
    assert whole["plain"] == whole["map"]["k"] == text
    for variant in one_by_one(made):
        assert not complaints(loaded.manifest, schema, config_in(variant)), variant
    assert all(char.isprintable() or char == "\n" for char in made)
