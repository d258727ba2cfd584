"""The generated class accepts exactly what `config.schema.json` accepts, and changes nothing."""

from __future__ import annotations

import copy
import importlib.util
import random
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from rivven_connect import InputError
from rivven_connect._rules import json_key
from rivven_connect.config import ConfigModel
from rivven_generator.load import load_manifest
from rivven_generator.plan import plan_generated, standalone_layout

RICH = """\
manifest: "1"
kind: sink
name: rich-config
config:
  type: object
  required: [class, url, auth]
  properties:
    class: {type: string, pattern: '^[a-z"]+$', minLength: 2, maxLength: 5}
    url: {type: string, format: uri}
    email: {type: string, format: email}
    when: {type: string, format: date-time}
    count: {type: integer, exclusiveMinimum: 0, maximum: 10, default: 3}
    even: {type: [integer, "null"], multipleOf: 2}
    ratio: {type: number, minimum: 0, exclusiveMaximum: 1.5, multipleOf: 0.1, default: 0.3}
    flag: {type: boolean, default: false}
    mode: {enum: [safe, fast], default: safe}
    mixed: {enum: [1, "1", true, null]}
    floats: {enum: [0.5, 2]}
    fixed: {const: 7}
    maybe: {type: [string, "null"], maxLength: 3}
    anything: {}
    tags: {type: array, items: {type: string, minLength: 1}, minItems: 1, maxItems: 3, uniqueItems: true}
    grid: {type: array, items: {type: array, items: {type: integer}, maxItems: 2}, uniqueItems: true}
    labels: {type: object, additionalProperties: {type: string, maxLength: 4}, minProperties: 1, maxProperties: 2}
    open: {type: object, additionalProperties: true}
    half_open:
      type: object
      required: [a]
      minProperties: 2
      maxProperties: 3
      properties: {a: {type: integer}}
      additionalProperties: {type: integer, minimum: 0}
    empty: {type: object}
    filled: {type: object, default: {}, properties: {count: {type: integer, default: 1}}}
    nested:
      type: object
      properties:
        deep: {type: object, required: [x], properties: {x: {type: integer, minimum: 1}}}
        schema: {type: string, default: s}
        other: {type: boolean}
    auth:
      oneOf: [{$ref: "#/$defs/Token"}, {$ref: "#/$defs/App"}]
      discriminator: {propertyName: type}
    auths:
      type: array
      items:
        oneOf: [{$ref: "#/$defs/Token"}, {$ref: "#/$defs/App"}]
        discriminator: {propertyName: type}
    password: {type: string, secret: true, minLength: 3, pattern: "^[a-z]+$"}
    secrets: {type: object, additionalProperties: {type: string, secret: true}}
  $defs:
    Token: {type: object, required: [type, token], properties: {type: {const: token}, token: {type: string, secret: true, minLength: 1}}}
    App: {type: object, required: [type, app_id], properties: {type: {const: app}, app_id: {type: integer, minimum: 1}, token: {type: string}}}
rules:
  - require_any: [email, when, even]
  - require_together: [tags, grid]
  - when: {mode: fast}
    require: [maybe]
  - require_any: [deep, other]
    at: /nested
tests:
  valid:
    minimal: {class: ab, url: "http://x.test", auth: {type: token, token: t}, even: null, nested: {deep: {x: 1}}}
"""
FULL: dict[str, Any] = {
    "class": "abc",
    "url": "https://x.test/a?b#c",
    "email": "a@b.test",
    "when": "2021-01-25T12:30:00Z",
    "count": 3,
    "even": 4,
    "ratio": 0.3,
    "flag": True,
    "mode": "fast",
    "mixed": 1,
    "floats": 0.5,
    "fixed": 7,
    "maybe": None,
    "anything": {"a": [1, None]},
    "tags": ["a", "b"],
    "grid": [[1, 2], []],
    "labels": {"k": "v"},
    "open": {"x": 1},
    "half_open": {"a": 1, "b": 2},
    "empty": {},
    "nested": {"deep": {"x": 2}, "schema": "z"},
    "auth": {"type": "app", "app_id": 3},
    "auths": [{"type": "token", "token": "t"}, {"type": "app", "app_id": 1, "token": "x"}],
    "password": "secret",
    "secrets": {"a": "b"},
}
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, 3, 7, 10, 11, -1, 0.0, 1.0, 2.0, 0.5, 1.5, 0.1, 0.30000000000000004,
    1e300, 10**30, "", "a", "ab", "abc", "abcdef", "1", "true", "token", "app", "safe", "fast",
    "http://x.test", "a@b.test", "2021-01-25T12:30:00+01:00", "é", "a\n", [], [1], [1, 1.0],
    ["a", "a"], [[1], [1.0]], [True, 1], {}, {"a": 1}, {"a": 1, "b": 2, "c": 3, "d": 4},
    {"type": "token"}, {"type": "app", "app_id": 1}, {"type": ["token"]}, {"x": 1},
)  # fmt: skip
KEYS = ("class", "type", "token", "x", "a", "b", "schema", "schema_", "class_", "deep", "unknown")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[type[ConfigModel], Any]]:
    folder = tmp_path_factory.mktemp("rich")
    (folder / "connector.yaml").write_text(RICH)
    loaded = load_manifest(folder)
    for name, text in plan_generated(loaded, standalone_layout(loaded.manifest)).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    path = folder / "src/rich_config/_generated/config.py"
    spec = importlib.util.spec_from_file_location("rich_config_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found: type[ConfigModel] = module.RichConfigConfig
    yield found, jsonschema_rs.Draft202012Validator(found.config_schema(), validate_formats=True)
    del sys.modules[spec.name]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from places(item, (*path, key))


def mutated(rng: random.Random, base: Any) -> Any:
    config = copy.deepcopy(base)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        path = rng.choice(list(places(config))[1:])
        parent = config
        for key in path[:-1]:
            parent = parent[key]
        action = rng.random()
        if action < 0.25:
            del parent[path[-1]]
        elif action < 0.4 and isinstance(parent, dict):
            parent[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
        else:
            parent[path[-1]] = copy.deepcopy(rng.choice(VALUES))
        if not config:
            break
    return config


def verdict(model: type[ConfigModel], config: Any) -> tuple[ConfigModel | None, list[str]]:
    """Return the config, or the rules that it breaks."""
    try:
        return model.parse(config), []
    except InputError as error:
        return None, [problem.rule for problem in error.problems]


def keeps(whole: Any, part: Any) -> bool:
    """Whether everything in `part` is in `whole` unchanged."""
    if isinstance(part, dict):
        return all(key in whole and keeps(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(keeps, whole, part))
    return json_key(whole) == json_key(part)


def test_class_and_schema_agree_on_mutated_configs(
    generated: tuple[type[ConfigModel], Any],
) -> None:
    model, validator = generated
    rng = random.Random(20_260_101)  # a fixed seed: the same configs every time
    verdicts = {True: 0, False: 0}
    for _ in range(4_000):
        config = mutated(rng, FULL)
        expected = validator.is_valid(config)
        found, rules = verdict(model, config)
        assert (found is not None) == expected, f"{config}: {rules}"
        assert all(rules), "every problem names its rule"
        if found is not None:
            dumped = found.dump(reveal=True)
            assert keeps(dumped, config), config
            assert model.parse(dumped) == found
        verdicts[expected] += 1
    assert min(verdicts.values()) > 500, "the mutations are one-sided"
