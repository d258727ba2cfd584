"""Secrets: declared on text, without literals, and not forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rivven_connect.documents import Problem, escape_text
from rivven_generator import naming
from rivven_generator.lint.subject import Path, Subject
from rivven_generator.schema.tree import resolve, walk
from rivven_generator.schema.vocabulary import types_of

_LITERALS = ("default", "examples", "enum", "const")
_SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|token|api_?key|private_?key|access_?key|secret_?key"
    r"|auth_?key|account_?key|credentials?|dsn|connection_string|pat|bearer)(_base64|_json|_pem|_value)?$"
)
_REAL = re.compile(
    r"AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{20,}|github_pat_[0-9A-Za-z_]{20,}"
    r"|glpat-[0-9A-Za-z_-]{16,}|xox[abposr]-[0-9A-Za-z-]{10,}|(sk|rk|pk)_(live|test)_[0-9A-Za-z]{10,}"
    r"|sk-[0-9A-Za-z_-]{20,}|AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{20,}|npm_[0-9A-Za-z]{30,}"
    r"|pypi-[0-9A-Za-z_-]{16,}|SG\.[0-9A-Za-z_-]{16,}|eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}\."
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]+:[^/\s@]+@"
)


def only_strings(config: Subject) -> Iterator[Problem]:
    """Only text can be secret."""
    for path, node in walk(config.root):
        if node.get("secret") and types_of(node) != {"string"}:
            yield config.problem(
                "RVN321", "only a string can be secret", (*path, "secret"), key=True
            )


def no_literals(config: Subject) -> Iterator[Problem]:
    """A secret has no value in the manifest, also not inside an object's default."""
    for path, node in walk(config.root):
        schema = resolve(config.root, node)
        for word in _LITERALS:
            if word not in node or (word in {"enum", "const"} and not schema.get("secret")):
                continue
            examples = (
                node[word] if isinstance(node[word], list) and word != "default" else [node[word]]
            )
            if any(_holds_secret(config.root, schema, value) for value in examples):
                yield config.problem(
                    "RVN322",
                    f"a secret must not have a value under `{word}`",
                    (*path, word),
                    key=True,
                    hint="remove it; example values belong under `tests`",
                )


def _holds_secret(root: Mapping[str, Any], node: Mapping[str, Any], value: Any) -> bool:
    """Return whether `value` has something where `node` has a secret."""
    schema = resolve(root, node)
    if schema.get("secret"):
        return True
    if isinstance(value, list) and isinstance(items := schema.get("items"), Mapping):
        return any(_holds_secret(root, items, item) for item in value)
    if not isinstance(value, dict):
        return False
    branches = [resolve(root, branch) for branch in schema.get("oneOf", ())] or [schema]
    return any(
        isinstance(child := _child(branch, key), Mapping) and _holds_secret(root, child, item)
        for branch in branches
        for key, item in value.items()
    )


def _child(schema: Mapping[str, Any], key: str) -> Any:
    return schema.get("properties", {}).get(key, schema.get("additionalProperties"))


def nothing_looks_real(config: Subject) -> Iterator[Problem]:
    """No literal has the form of a real credential, marked as secret or not."""
    for path, node in walk(config.root):
        for word in _LITERALS:
            if word in node and any(map(_REAL.search, _texts(node[word]))):
                yield _looks_real(config, (*path, word))
        named = str(path[-1]) if len(path) > 1 and path[-2] == "properties" else ""
        default = None if node.get("secret") else node.get("default")
        if named and is_secret_name(named) and isinstance(default, str) and len(default) >= 6:
            yield _looks_real(config, (*path, "default"))


def _looks_real(config: Subject, at: Path) -> Problem:
    return config.problem(
        "RVN323",
        "this literal looks like a real secret",
        at,
        key=True,
        hint="remove it, and revoke it if it ever was in use",
    )


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()


def unmarked(config: Subject) -> Iterator[Problem]:
    """A property whose name says that it is secret is marked, or marked as not being one."""
    for path, node in walk(config.root):
        for name, child in node.get("properties", {}).items():
            schema = resolve(config.root, child)
            if "string" in types_of(schema) and "secret" not in schema and is_secret_name(name):
                shown = escape_text(name, limit=60)
                yield config.problem(
                    "RVN330",
                    f"`{shown}` looks like a secret and is not marked",
                    (*path, "properties", name),
                    key=True,
                    hint="add `secret: true`, or `secret: false` if it is none",
                )


def is_secret_name(name: str) -> bool:
    """Return whether a property of this name is likely to be secret."""
    return _SECRET_NAME.search(naming.identifier(name)) is not None
