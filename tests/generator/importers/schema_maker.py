"""Random JSON Schemas of the kinds that config specs have, and values for them."""

from __future__ import annotations

import random
from typing import Any

NAMES = ("a", "b", "type", "schema", "class", "kind", "a-b", "é", "x.y", "from", "1st")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.0, 0.5, 10, "", "a", "abc", "1", "v0", "v1", "2021-01-25",
    [], {}, ["a"], [1, 1], {"a": 1},
)  # fmt: skip
TEXTS = ("", "a", "abc", "abcd", "2021-01-25")


class SchemaMaker:
    """Makes one schema and values for it; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.root = self._object(3)
        self.root["definitions"] = {"D": self._object(1), "E": self._scalar()}

    def value(self) -> Any:
        """Return a value that the schema may accept."""
        return self._value(self.root, 5)

    def _may(self, share: float) -> bool:
        return self._random.random() < share

    def _scalar(self) -> dict[str, Any]:
        kind = self._random.choice(["string", "integer", "number", "boolean"])
        node: dict[str, Any] = {"type": kind if self._may(0.7) else [kind, "null"]}
        limits: dict[str, tuple[float, Any]] = {}
        if kind == "string":
            limits = {"minLength": (0.3, 1), "maxLength": (0.3, 3), "pattern": (0.2, "^[a-z]+$"),
                      "enum": (0.2, ["a", "abc"]), "format": (0.1, "date"), "writeOnly": (0.1, True)}  # fmt: skip
        elif kind != "boolean":
            limits = {
                "minimum": (0.3, 0.5),
                "exclusiveMaximum": (0.3, 10),
                "multipleOf": (0.1, 0.5),
            }
        limits |= {"title": (0.1, "T"), "description": (0.1, "D d."), "order": (0.1, 1),
                   "x-hint": (0.1, {"a": 1}), "$comment": (0.1, "c"), "deprecated": (0.1, True)}  # fmt: skip
        return node | {word: value for word, (share, value) in limits.items() if self._may(share)}

    def _object(self, depth: int) -> dict[str, Any]:
        names = [self._random.choice(NAMES) for _ in range(self._random.randint(0, 4))]
        properties = {name: self._schema(depth - 1) for name in names}
        node: dict[str, Any] = {"type": "object", "properties": properties}
        if properties and self._may(0.5):
            node["required"] = sorted({self._random.choice(list(properties)) for _ in range(2)})
        if self._may(0.4):
            node["additionalProperties"] = self._random.choice([True, False, self._scalar()])
        return node | ({"maxProperties": 3} if self._may(0.1) else {})

    def _schema(self, depth: int) -> dict[str, Any]:
        makers = [self._scalar] * 5
        if depth > 0:
            makers += [
                lambda: self._object(depth),
                lambda: self._list(depth),
                lambda: self._union(depth),
                lambda: {self._random.choice(["anyOf", "oneOf"]): [self._schema(depth - 1), {"type": "null"}]},
                lambda: {"allOf": [self._object(depth - 1) for _ in range(self._random.randint(1, 2))]},
                lambda: {"$ref": self._random.choice(["#/definitions/D", "#/definitions/E"])},
                lambda: {"oneOf": [{"const": "a"}, {"const": "abc", "title": "x"}]},
            ]  # fmt: skip
        return self._random.choice(makers)()

    def _list(self, depth: int) -> dict[str, Any]:
        node: dict[str, Any] = {"type": "array", "items": self._schema(depth - 1)}
        node |= {"uniqueItems": True} if self._may(0.3) else {}
        return node | ({"maxItems": 1} if self._may(0.3) else {})

    def _union(self, depth: int) -> dict[str, Any]:
        tag, branches = self._random.choice(["type", "kind"]), []
        for number in range(self._random.randint(1, 3)):
            branch = self._object(depth - 1)
            branch["properties"][tag] = {"const": f"v{number}", "type": "string"}
            branch["required"] = sorted({tag, *branch.get("required", [])})
            branches.append(branch)
        node: dict[str, Any] = {self._random.choice(["oneOf", "anyOf"]): branches}
        node |= {"type": "object"} if self._may(0.3) else {}
        return node | ({"properties": {"shared": self._scalar()}} if self._may(0.2) else {})

    def _value(self, schema: dict[str, Any], depth: int) -> Any:
        if self._may(0.08) or depth < 0:
            return self._random.choice(VALUES)
        if "$ref" in schema:
            return self._value(self.root["definitions"][schema["$ref"][-1]], depth - 1)
        branches = schema.get("oneOf") or schema.get("anyOf")
        if branches:
            return self._value(self._random.choice(branches), depth - 1)
        if "allOf" in schema:
            parts = [self._value(part, depth - 1) for part in schema["allOf"]]
            return {k: v for part in parts if isinstance(part, dict) for k, v in part.items()}
        if "const" in schema or "enum" in schema:
            return self._random.choice([schema["const"]] if "const" in schema else schema["enum"])
        named = schema["type"]
        return self._of_type(named if isinstance(named, str) else named[0], schema, depth)

    def _of_type(self, kind: str, schema: dict[str, Any], depth: int) -> Any:
        if kind == "object":
            found = {
                name: self._value(inner, depth - 1)
                for name, inner in schema.get("properties", {}).items()
                if self._may(0.96 if name in schema.get("required", ()) else 0.5)
            }
            return found | ({"extra": self._random.choice(VALUES)} if self._may(0.2) else {})
        if kind == "array":
            return [
                self._value(schema["items"], depth - 1) for _ in range(self._random.randint(0, 2))
            ]
        choices = {"string": TEXTS, "integer": (0, 1, 5, -1, 1.0), "number": (0, 0.5, 1, 2.5)}
        return self._random.choice(choices.get(kind, (True, False)))
