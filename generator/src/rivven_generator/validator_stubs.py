"""The functions of `validators.py`: which the manifest names, of what type, which are missing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import msgspec

from rivven_generator.docstrings import docstring
from rivven_generator.imports import import_block
from rivven_generator.manifest import Manifest
from rivven_generator.schema.vocabulary import BUILT_IN_VALIDATORS

_PYTHON_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_MODULE_DOC = """What connector.yaml cannot say about a value: one function per `validator` that it names.

This file is yours; rivven wrote it once and never touches it again."""


class ValidatorStub(msgspec.Struct, frozen=True):
    """One named validator and the Python type of the values that it gets."""

    name: str
    value_type: str

    def render(self) -> str:
        """Return the function that accepts everything."""
        doc = "Return if `value` is good; raise ValueError with the reason if not."
        return f"def {self.name}(value: {self.value_type}) -> None:\n    {docstring(doc, 4)}\n"


def declared_validators(manifest: Manifest) -> list[ValidatorStub]:
    """Return the validators that the config schema names, in its order, without the built-in ones."""
    types: dict[str, dict[str, None]] = {}
    for schema in _schemas(manifest.config):
        name = schema.get("validator")
        if isinstance(name, str) and name not in BUILT_IN_VALIDATORS:
            types.setdefault(name, {}).update(dict.fromkeys(_value_types(schema)))
    return [ValidatorStub(name, " | ".join(found)) for name, found in types.items()]


def missing_validators(manifest: Manifest, author_source: str) -> list[ValidatorStub]:
    """Return the validators that the author's module does not define; its code is never run."""
    try:
        body = ast.parse(author_source).body
    except (SyntaxError, ValueError):
        body = []
    defined = {name for node in body for name in _defined_names(node)}
    return [stub for stub in declared_validators(manifest) if stub.name not in defined]


def validators_module(stubs: list[ValidatorStub]) -> str:
    """Return the text of a new `validators.py`."""
    used = {name for stub in stubs for name in stub.value_type.split(" | ")}
    imports = import_block("", {"typing": used & {"Any"}, "rivven_connect": used & {"Secret"}})
    lines = [docstring(_MODULE_DOC, 0), "from __future__ import annotations", imports]
    head = "\n\n".join(line for line in lines if line)
    return head + "\n" + "".join(f"\n\n{stub.render()}" for stub in stubs)


def _schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield the schema and every one below it, in the order in which they are written."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in ("items", "additionalProperties"):
        yield from _schemas(schema.get(keyword))
    for keyword in ("properties", "$defs"):
        for below in schema.get(keyword, {}).values():
            yield from _schemas(below)
    for branch in schema.get("oneOf", ()):
        yield from _schemas(branch)


def _value_types(schema: dict[str, Any]) -> list[str]:
    """Return the Python types of a value; `null` never reaches a validator."""
    declared = schema.get("type")
    names = declared if isinstance(declared, list) else [declared]
    if schema.get("secret"):
        return ["Secret"]
    return [_PYTHON_TYPES.get(str(name), "Any") for name in names if name != "null"] or ["Any"]


def _defined_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.ImportFrom | ast.Import):
        return [alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []
