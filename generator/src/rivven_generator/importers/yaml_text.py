"""A manifest as YAML, laid out as a person would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

from rivven_connect.documents import Limits, is_plain_text, parse_document

_ANY_SIZE: Final = Limits(max_bytes=2**30, max_values=2**30, max_entries=2**30)
"""Whether it is too large for a manifest is said where its parts can be named."""
_WIDTH: Final = 100
_FLOW_WIDTH: Final = 76
_FLOW_DEPTH: Final = 2
_PROSE: Final = frozenset({"description", "title"})


class _Flow(dict[str, Any]):
    """A mapping on one line."""


class _FlowList(list[Any]):
    """A list on one line."""


class _Dumper(yaml.SafeDumper):
    """Indents lists, writes no aliases, and quotes what YAML versions read differently."""

    def increase_indent(
        self, flow: bool = False, indentless: bool = False
    ) -> None:  # the base's signature
        """Indent a list below its key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # the base's signature
        """Repeat a value that occurs twice."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|" if _fits_block(text) else '"'
    elif not (is_plain_text(text) and text.isprintable()):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


def _flow(dumper: yaml.SafeDumper, value: _Flow) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True)


def _flow_list(dumper: yaml.SafeDumper, value: _FlowList) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Flow, _flow)
_Dumper.add_representer(_FlowList, _flow_list)


def manifest_yaml(manifest: Mapping[str, Any]) -> str:
    """Return `manifest` as YAML: keys in their order, short values on one line, sections apart.

    Reading the text gives `manifest` again; `AssertionError` where it would not.
    """
    parts: list[str] = []
    for key, value in manifest.items():
        laid_out = _laid_out(value, depth=0) if isinstance(value, (dict, list)) else value
        text = yaml.dump(
            {key: laid_out},
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=_WIDTH,
            default_flow_style=False,
        )
        apart = isinstance(value, (dict, list)) and not isinstance(laid_out, (_Flow, _FlowList))
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
    } or _Flow()


def _marked(value: Any) -> Any:
    if isinstance(value, dict):
        return _Flow({key: _marked(item) for key, item in value.items()})
    return _FlowList(_marked(item) for item in value) if isinstance(value, list) else value


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


def _fits_block(text: str) -> bool:
    """Whether the text survives as a literal block: no blanks at line ends, nothing to escape."""
    lines = text.removesuffix("\n").split("\n")
    printable = all(char.isprintable() for line in lines for char in line)
    unpadded = all(line == line.rstrip() for line in lines)
    return printable and unpadded and "" not in (lines[0], lines[-1]) and not text[0].isspace()
