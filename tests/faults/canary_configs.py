"""Configs in which each secret of each installed built-in is set, without anybody listing them.

The examples of a manifest come first. For a secret that none of them sets, one is completed: along the
way to the secret, with the least that its schema demands.
"""

from __future__ import annotations

import copy
import importlib
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rivven_connect import ConnectorError, InputError
from rivven_connect._installed import Located, installed
from rivven_connect._schema_walk import is_write_only, resolve_reference, schemas_at

CONNECTORS = Path(__file__).parents[2] / "runtime" / "src" / "rivven_connect" / "connectors"
Place = tuple[Any, ...]

_KEY = "canary"
"""The name of a property that only `additionalProperties` describes."""
_ENDLESS = ("follow", "poll_interval_ms", "poll_interval_secs")
_PATIENCE_MS = {"timeout_ms": 300, "connect_timeout_ms": 300}


@dataclass(frozen=True)
class Subject:
    """One config of one connector that holds secrets; `located` None is the kit's own source."""

    name: str
    located: Located | None
    config: Mapping[str, Any]


def subjects() -> Iterator[Subject]:
    """Yield configs that set, together, every secret option of every built-in."""
    for located in installed():
        folder = CONNECTORS / f"{located.name.replace('-', '_')}_{located.kind}"
        if (folder / "connector.yaml").is_file():
            manifest = yaml.safe_load((folder / "connector.yaml").read_text(encoding="utf-8"))
            yield from _subjects(located, manifest.get("tests", {}))


def _subjects(located: Located, tests: Mapping[str, Any]) -> Iterator[Subject]:
    schema = located.spec().get("config_schema", {})
    examples = dict(tests.get("valid", {}))
    examples |= {row["name"]: row.get("config", {}) for row in tests.get("cases", [])}
    missing = dict.fromkeys(secret_options(schema))
    for name, config in examples.items():
        found = secret_paths(schema, config)
        for path in found:
            if (option := option_of(schema, config, path)) is not None:
                missing.pop(option, None)
        if found:
            yield Subject(f"{located.kind}-{located.name}-{name}", located, config)
    for option in missing:
        label = "-".join(str(step) for step in option if step != "[]")
        config = _completed(located, schema, list(examples.values()), option)
        yield Subject(f"{located.kind}-{located.name}-{label}", located, config)


def secret_paths(schema: Any, config: Any) -> list[Place]:
    """Return where a config has a value that its schema calls secret."""
    found: list[Place] = []

    def walk(value: Any, path: Place) -> None:
        children: Any = ()
        if isinstance(value, dict | list):
            children = value.items() if isinstance(value, dict) else enumerate(value)
        for step, one in children:
            walk(one, (*path, step))
        if path and is_write_only(schemas_at(schema, config, path)):
            found.append(path)

    walk(config, ())
    return found


def secret_options(schema: Mapping[str, Any]) -> list[Place]:
    """Return the way to each secret: names of properties, `[]` for items, `a=b` for a union's tag."""
    found: list[Place] = []

    def walk(given: Mapping[str, Any], path: Place) -> None:
        one = resolve_reference(schema, given)
        if one.get("writeOnly") is True:
            found.append(path)
        for name, inner in one.get("properties", {}).items():
            walk(inner, (*path, name))
        for key, step in (("additionalProperties", _KEY), ("items", "[]")):
            if isinstance(one.get(key), Mapping):
                walk(one[key], (*path, step))
        for branch in one.get("oneOf", ()):
            walk(branch, (*path, _tag(schema, branch)))

    walk(schema, ())
    return list(dict.fromkeys(found))


def _tag(schema: Mapping[str, Any], branch: Mapping[str, Any]) -> str:
    properties = resolve_reference(schema, branch).get("properties", {})
    return next((f"{name}={p['const']}" for name, p in properties.items() if "const" in p), "=")


def option_of(schema: Mapping[str, Any], config: Any, path: Place) -> Place | None:
    """Return the option that a value of a config is of."""
    for option in secret_options(schema):
        value, left = config, list(option)
        steps = list(path)
        while left:
            step = left.pop(0)
            if "=" in str(step):
                name, _, wanted = step.partition("=")
                if not isinstance(value, Mapping) or value.get(name) != wanted:
                    break
                continue
            if not steps:
                break
            own = steps.pop(0)
            if step not in (own, _KEY, "[]") or (step == _KEY and not isinstance(own, str)):
                break
            value = value[own]
        else:
            if not steps:
                return option
    return None


def _completed(
    located: Located, schema: Mapping[str, Any], examples: list[Any], option: Place
) -> dict[str, Any]:
    """Return an example with the option, or with the option in the place of another one."""
    module, _, name = located.target.partition(":")
    accepts = getattr(importlib.import_module(module), name).validate_config
    for example in (*examples, {}):
        for config in _attempts(schema, example, option):
            try:
                accepts(config)
            except (InputError, ConnectorError):
                continue
            if any(
                option_of(schema, config, path) == option for path in secret_paths(schema, config)
            ):
                return config
    raise AssertionError(f"no example of {located.name} can be completed by {option}; add one")


def _attempts(schema: Mapping[str, Any], example: Any, option: Place) -> Iterator[dict[str, Any]]:
    """Yield the example with the option: as it is, with what belongs to it, without what may not stand beside."""
    wanted = [option, *((*option[:-1], name) for name in _companions(schema, option[-1]))]
    made: dict[str, Any] = copy.deepcopy(example)
    for one in wanted:
        made = _with(schema, schema, made, one)
    yield made
    holder: Any = made
    for left in list(made):
        yield {key: value for key, value in made.items() if key != left}
    for step in option[:-1]:
        holder = holder.get(step, {}) if isinstance(holder, dict) else {}
    for left in [*holder] if isinstance(holder, dict) else []:
        kept = holder.pop(left)
        yield copy.deepcopy(made)
        holder[left] = kept


def _companions(schema: Any, name: str) -> list[str]:
    """Return the properties that some rule of a schema wants beside one of that name."""
    children = schema.values() if isinstance(schema, Mapping) else schema
    found: list[str] = []
    if isinstance(schema, Mapping):
        found += schema.get("dependentRequired", {}).get(name, [])
    if isinstance(schema, Mapping | list):
        for child in children:
            found += _companions(child, name)
    return found


def _with(root: Mapping[str, Any], given: Mapping[str, Any], value: Any, option: Place) -> Any:
    """Return a value that has the option; what is there stays, as far as it fits."""
    schema = resolve_reference(root, given)
    if not option:
        return value if isinstance(value, str) else "not-a-real-secret-0"
    step, rest = option[0], option[1:]
    if step == "[]":
        return [_with(root, schema["items"], None, rest)]
    if "=" in str(step):
        branch = next(one for one in schema["oneOf"] if _tag(root, one) == step)
        fits = (
            isinstance(value, Mapping)
            and value.get(step.partition("=")[0]) == step.partition("=")[2]
        )
        return _with(root, branch, value if fits else None, rest)
    made = dict(value) if isinstance(value, Mapping) else _least(root, schema)
    inner = schema.get("properties", {}).get(step) or schema["additionalProperties"]
    made[step] = _with(root, inner, made.get(step), rest)
    return made


def _least(root: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Return the least that a schema demands."""
    schema = resolve_reference(root, given)
    values = [schema[key] for key in ("const", "default") if key in schema]
    values += schema.get("enum", [])
    values += [_least(root, branch) for branch in schema.get("oneOf", [])]
    if values:
        return values[0]
    kind = schema.get("type", "object")
    if kind == "object":
        needed = schema.get("required", ())
        return {name: _least(root, schema["properties"][name]) for name in needed}
    if kind == "array":
        return [_least(root, schema["items"])] * schema.get("minItems", 0)
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    is_url = schema.get("format") == "uri" or "http" in str(schema.get("pattern"))
    return "https://example.com" if is_url else "x" * max(1, schema.get("minLength", 1))


def aimed(schema: dict[str, Any], config: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return a config that reaches nothing but `url`, and that comes to an end."""
    place = urllib.parse.urlsplit(url)

    def aim(value: Any, path: Place) -> Any:
        if isinstance(value, list):
            return [aim(one, (*path, index)) for index, one in enumerate(value)]
        if isinstance(value, str) and value.startswith("http"):
            return url
        if not isinstance(value, dict):
            return value
        made = {key: aim(one, (*path, key)) for key, one in value.items()}
        known = set().union(
            *(one.get("properties", ()) for one in schemas_at(schema, config, path))
        )
        if "endpoint" in known:
            made["endpoint"] = url
        if {"host", "port"} <= known and "host" in made:
            made |= {"host": place.hostname, "port": place.port}
        return made

    found: dict[str, Any] = aim(dict(config), ())
    options = resolve_reference(schema, schema).get("properties", {})
    found = {key: value for key, value in found.items() if key not in _ENDLESS}
    return found | {key: ms for key, ms in _PATIENCE_MS.items() if key in options}


def address_with(secret: str, url: str) -> str:
    """Return the address of a database at `url`, with a secret as its password."""
    place = urllib.parse.urlsplit(url)
    password = urllib.parse.quote(secret, safe="")
    return f"postgresql://me:{password}@{place.hostname}:{place.port}/shop"


SPECIAL: Mapping[str, Callable[[str, str], str]] = {"connection_string": address_with}
"""Secrets that are more than a secret: what they are made of one, and of where they lead."""
