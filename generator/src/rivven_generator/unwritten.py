"""Hooks that their author has not written, found by reading the files; nothing is run."""

from __future__ import annotations

import os

from rivven_generator.author_code import methods_of
from rivven_generator.reserved import CONTRACT_HOOKS


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
        and not (name.startswith("read_") and "read" in written and name not in CONTRACT_HOOKS)
    ]


def _methods(path: str) -> dict[str, bool] | None:
    """Return the methods of the classes in a file; None for an unreadable one."""
    try:
        with open(path, encoding="utf-8") as file:
            return methods_of(file.read())
    except (OSError, ValueError):
        return None
