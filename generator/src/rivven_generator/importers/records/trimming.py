"""Record schemas that are not too deep for a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rivven_generator.importers.records.vocabulary import KEYWORDS

_DEEPEST: Final = 46
"""A manifest may be 64 levels deep, and holds a record schema in its fourth level."""
_DEEPEST_DATA: Final = 54


def trimmed(schema: Any, renamed: Mapping[str, str]) -> tuple[Any, bool]:
    """Return a copy with references renamed, and whether something too deep became any value."""
    trimmer = _Trimmer(renamed)
    return trimmer.schema(schema, 0), trimmer.cut


class _Trimmer:
    def __init__(self, renamed: Mapping[str, str]) -> None:
        self._renamed = renamed
        self.cut = False

    def schema(self, node: Any, depth: int) -> Any:
        if not isinstance(node, dict):
            return node
        if depth > _DEEPEST and node:
            self.cut = True
            return {}
        whole: dict[str, Any] = {}
        for word, value in node.items():
            form = "named schemas" if word == "$defs" else KEYWORDS.get(word)
            if form == "named schemas":
                whole[word] = {key: self.schema(one, depth + 2) for key, one in value.items()}
            elif form == "schemas":
                whole[word] = [self.schema(one, depth + 2) for one in value]
            elif form == "schema":
                whole[word] = self.schema(value, depth + 1)
            elif word == "$ref":
                whole[word] = self._renamed.get(value, value)
            elif _is_shallow(value, _DEEPEST_DATA - depth):
                whole[word] = value
            else:
                self.cut = True
        return whole


def _is_shallow(value: Any, levels: int) -> bool:
    waiting = [(value, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > levels:
            return False
        if isinstance(node, (dict, list)):
            inner = node.values() if isinstance(node, dict) else node
            waiting += [(one, depth + 1) for one in inner]
    return True
