"""What an author's module defines, found by parsing it; nothing of it runs."""

from __future__ import annotations

import ast

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MISSING = "HookMissing"


def methods_of(source: str, class_name: str = "") -> dict[str, bool] | None:
    """Return each method of a class, and whether all it does is to raise HookMissing.

    A method may also be another one under its name, as `read = Source.read`.

    Without a name, every class of the module counts. None means that there is no such class, or that
    the text is not Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    classes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and class_name in ("", node.name)
    ]
    if not classes:
        return None
    methods: dict[str, bool] = {}
    for node in (node for found in classes for node in found.body):
        if isinstance(node, _FUNCTIONS):
            methods[node.name] = _is_stub(node)
        elif isinstance(node, ast.Assign):
            methods |= {one.id: False for one in node.targets if isinstance(one, ast.Name)}
    return methods


def _is_stub(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    body = [node for node in function.body if not _is_docstring(node)]
    return len(body) == 1 and isinstance(body[0], ast.Raise) and _raises_missing(body[0])


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _raises_missing(node: ast.Raise) -> bool:
    error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    name = error.attr if isinstance(error, ast.Attribute) else getattr(error, "id", "")
    return name == _MISSING
