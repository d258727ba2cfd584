"""A manifest as YAML, laid out as a person would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rivven_connect.documents import (
    InlineList,
    InlineMapping,
    Limits,
    parse_document,
    yaml_text,
)

_ANY_SIZE: Final = Limits(max_bytes=2**30, max_values=2**30, max_entries=2**30)
"""Whether it is too large for a manifest is said where its parts can be named."""
_FLOW_WIDTH: Final = 76
_FLOW_DEPTH: Final = 2
_PROSE: Final = frozenset({"description", "title"})


def manifest_yaml(manifest: Mapping[str, Any]) -> str:
    """Return `manifest` as YAML: keys in their order, short values on one line, sections apart.

    Reading the text gives `manifest` again; `AssertionError` where it would not.
    """
    parts: list[str] = []
    for key, value in manifest.items():
        laid_out = _laid_out(value, depth=0) if isinstance(value, (dict, list)) else value
        text = yaml_text({key: laid_out}, compact=True)
        apart = isinstance(value, (dict, list)) and not isinstance(
            laid_out, (InlineMapping, InlineList)
        )
        parts.append(f"\n{text}" if apart else text)
    text = "".join(parts)
    if parse_document(text, limits=_ANY_SIZE).value != manifest:
        raise AssertionError("the YAML of a manifest must read as the manifest")
    return text


def _laid_out(value: Any, *, depth: int) -> Any:
    """Return the value with the parts that fit on one line marked."""
    if isinstance(value, str) or not isinstance(value, (dict, list)):
        return value
    if (depth or isinstance(value, list)) and _is_short(value):
        return _marked(value)
    if isinstance(value, list):
        return [_laid_out(item, depth=depth + 1) for item in value]
    return {
        key: item if key in _PROSE and isinstance(item, str) else _laid_out(item, depth=depth + 1)
        for key, item in value.items()
    } or InlineMapping()


def _marked(value: Any) -> Any:
    if isinstance(value, dict):
        return InlineMapping({key: _marked(item) for key, item in value.items()})
    return InlineList(_marked(item) for item in value) if isinstance(value, list) else value


def _is_short(value: dict[str, Any] | list[Any]) -> bool:
    """Whether a person would write the value on one line: little, flat, and without prose."""
    size, waiting = 0, [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > _FLOW_DEPTH and part:
            return False
        items = part.values() if isinstance(part, dict) else part
        size += 2 + sum(len(key) + 4 for key in part) if isinstance(part, dict) else 2
        if isinstance(part, dict) and not _PROSE.isdisjoint(part):
            return False
        for item in items:
            if isinstance(item, (dict, list)):
                waiting.append((item, depth + 1))
            elif isinstance(item, str) and "\n" in item:
                return False
            else:
                size += len(str(item)) + 2
        if size > _FLOW_WIDTH:
            return False
    return True
