"""Property names, and the Python names derived from them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from rivven_connect.documents import Problem, escape_text
from rivven_generator import naming
from rivven_generator.lint.subject import Subject
from rivven_generator.schema.tree import walk


def collisions(config: Subject) -> Iterator[Problem]:
    """No two properties of one object get the same Python name."""
    for path, node in walk(config.root):
        seen: dict[str, str] = {}
        for name in node.get("properties", {}):
            python = naming.field_name(name)
            other = seen.setdefault(python, name)
            if other != name:
                where = config.place((*path, "properties", other), key=True)
                yield config.problem(
                    "RVN324",
                    f"`{escape_text(name, limit=60)}` and `{escape_text(other, limit=60)}` ({where}) "
                    f"both become `{python}` in Python",
                    (*path, "properties", name),
                    key=True,
                    hint="rename one of the two",
                )


def visible(config: Subject) -> Iterator[Problem]:
    """A property or definition name has nothing invisible in it."""
    for path, node in walk(config.root):
        for group in ("properties", "$defs"):
            for name in node.get(group, {}):
                if not name.strip() or any(_is_invisible(char) for char in name):
                    yield config.problem(
                        "RVN325",
                        "this name is empty or holds control, bidirectional or zero-width characters",
                        (*path, group, name),
                        key=True,
                    )


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
