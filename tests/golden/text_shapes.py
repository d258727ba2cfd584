"""The shape of a generated file: everything about it but what its strings say."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

_DERIVED_CASES = frozenset({"accepts", "rejects"})
"""Lists of cases whose number depends on how long a text is; their forms do not."""


def shape_of(path: str, text: str) -> object:
    """Return what two files must share, if they differ only in the strings that they were told."""
    suffix = path.rpartition(".")[2]
    readers = {
        "py": _python,
        "json": lambda text: _blanked(json.loads(text)),
        "lock": lambda text: _lock(json.loads(text)),
        "toml": lambda text: _blanked(tomllib.loads(text)),
        "yaml": lambda text: _blanked(yaml.safe_load(text)),
        "md": _markdown,
        "example": _without_comments,
    }
    return readers.get(suffix, _lines)(text)


def _python(text: str) -> str:
    tree = ast.parse(text)
    return ast.dump(_Blank().visit(tree), include_attributes=False)


class _Blank(ast.NodeTransformer):
    """Empties strings; the types in the call form of a TypedDict are code and stay."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "TypedDict":
            for argument in node.args:
                if isinstance(argument, ast.Dict):
                    argument.values = [_unquoted(value) for value in argument.values]
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        named = isinstance(node.targets[0], ast.Name) and node.targets[0].id in _DERIVED_CASES
        self.generic_visit(node)
        if named and isinstance(node.value, ast.Tuple):
            forms = {ast.dump(one): one for one in node.value.elts}
            node.value.elts = [forms[form] for form in sorted(forms)]
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant("") if isinstance(node.value, str) else node


def _unquoted(value: ast.expr) -> ast.expr:
    for node in ast.walk(value):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            node.slice = _unquoted(node.slice)
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return ast.parse(value.value, mode="eval").body
    return value


def _blanked(value: Any) -> Any:
    """Return a value with empty strings; keys are strings too, and their order and number stay."""
    if isinstance(value, Mapping):
        return [_blanked(item) for item in value.values()]
    if isinstance(value, list):
        return [_blanked(item) for item in value]
    return "" if isinstance(value, str) else value


def _lock(value: dict[str, Any]) -> object:
    return [sorted(value["files"]), sorted(value["inputs"]), _blanked(value)]


def _markdown(text: str) -> list[str]:
    return list(_kinds(MarkdownIt("commonmark").enable("table").parse(text)))


def _kinds(tokens: Iterable[Token]) -> list[str]:
    kinds: list[str] = []
    for token in tokens:
        # A code span is text in another letter; descriptions may hold some.
        kind = "text" if token.type in {"text_special", "code_inline"} else token.type
        if not (kind == "text" and (not token.content or kinds[-1:] == ["text"])):
            kinds.append(kind)
        kinds += [f"  {inner}" for inner in _kinds(token.children or ())]
    return kinds


def _without_comments(text: str) -> list[str]:
    """Return the lines of a `.env` file, comments emptied; their number stays."""
    return ["#" if line.startswith("#") else line for line in text.split("\n")]


def _lines(text: str) -> object:
    """Return the lines themselves: files of no other kind hold no text of the manifest's."""
    return text.splitlines()
