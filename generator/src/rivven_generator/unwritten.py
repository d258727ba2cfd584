"""Hooks that their author has not written, found by reading the files; nothing is run."""

from __future__ import annotations

import ast
import os

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MISSING = "HookMissing"


def unwritten_hooks(package: str, kind: str) -> list[str]:
    """Return the hooks in the order of the generated base class.

    Declared is what `_generated/base.py` in the folder `package` answers with HookMissing. A source
    with its own `read` needs no `read_<stream>`. Nothing is known of a class that is not in its
    usual file.
    """
    base = _methods(os.path.join(package, "_generated", "base.py"))
    author = _methods(os.path.join(package, f"{kind}.py"))
    if author is None or base is None:
        return []
    written = {name for name, missing in author.items() if not missing}
    return [
        name
        for name, missing in base.items()
        if missing
        and name not in written
        and not (name.startswith("read_") and "read" in written and name != "read_partition")
    ]


def _methods(path: str) -> dict[str, bool] | None:
    """Return method -> whether all it does is to raise HookMissing; None for an unreadable file."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return None
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    functions = [node for found in classes for node in found.body if isinstance(node, _FUNCTIONS)]
    return {function.name: _is_stub(function) for function in functions} if classes else None


def _is_stub(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    body = [node for node in function.body if not _is_docstring(node)]
    return len(body) == 1 and isinstance(body[0], ast.Raise) and _raises_missing(body[0])


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _raises_missing(node: ast.Raise) -> bool:
    error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    name = error.attr if isinstance(error, ast.Attribute) else getattr(error, "id", "")
    return name == _MISSING
