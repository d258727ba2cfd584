"""Import lines as ruff sorts and formats them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rivven_generator.layout import LINE_LENGTH

_RUNTIME = "rivven_connect"


def import_line(module: str, names: Iterable[str]) -> str:
    """Return one `from module import names` statement, sorted, split where it is too long."""
    ordered = sorted(set(names), key=_member_key)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= LINE_LENGTH:
        return line
    body = "".join(f"    {name},\n" for name in ordered)
    return f"from {module} import (\n{body})"


def import_block(own_package: str, modules: Mapping[str, Iterable[str]]) -> str:
    """Return all imports of a module, in sections: standard library, others, own, relative.

    Args:
        own_package: what counts as first-party is what shares its first part.
        modules: module -> names; modules without names are left out.
    """
    sections: list[list[str]] = [[], [], [], []]
    for module in sorted(modules, key=_module_key):
        names = list(modules[module])
        if names:
            sections[_section(module, own_package)].append(import_line(module, names))
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _section(module: str, own_package: str) -> int:
    top = module.partition(".")[0]
    if not top:
        return 3
    if top == own_package.partition(".")[0]:
        return 2
    return 1 if top in {_RUNTIME, "pytest"} else 0


def _module_key(module: str) -> tuple[int, list[tuple[int, str]]]:
    """Relative imports go from the furthest to the closest; the rest by name."""
    dots = len(module) - len(module.lstrip("."))
    return (-dots, natural(module))


def _member_key(name: str) -> tuple[int, list[tuple[int, str]], list[tuple[int, str]]]:
    """Constants, then classes, then the rest; numbers inside names count as numbers."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[0].isupper() else 2
    return (kind, natural(name.lower()), natural(name))


def natural(text: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers inside of texts as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]
