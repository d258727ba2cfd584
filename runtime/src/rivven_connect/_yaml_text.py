"""Writes JSON values as YAML that a person reads and the strict loader reads back unchanged."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

import yaml

from rivven_connect._scalars import is_plain_text

_SHORT: Final = 60
_WIDTH: Final = 100
_LONGEST_KEY: Final = 500
_ENDLESS: Final = 2**31
_NOT_ASCII: Final = re.compile("[^\n -~]")


def yaml_text(value: Any, *, compact: bool = False) -> str:
    """Return a JSON value as block YAML, keys in their order, lists indented, one final newline.

    What terminals and editors do not show (controls, directions, odd spaces) is written as an escape.

    Args:
        value: JSON types only.
        compact: write a list of a few scalars on one line, as `[a, b]`, and fold long text.
    """
    text: str = yaml.dump(
        value,
        Dumper=_CompactWriter if compact else _Writer,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH if compact else _ENDLESS,
    )
    return _NOT_ASCII.sub(_escaped, text).removesuffix("...\n")


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if _is_visible(character):
        return character
    code = ord(character)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


def _is_visible(character: str) -> bool:
    return character in " \n" or unicodedata.category(character)[0] not in "CZ"


class _Writer(yaml.SafeDumper):
    """Quotes whatever YAML versions read differently, and uses blocks for text of several lines."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value in full; the strict loader refuses aliases."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key."""
        super().increase_indent(flow, False)

    def check_simple_key(self) -> bool:
        """Keep an empty or long key on the line of its value; readers take up to 1,024 characters."""
        simple: bool = super().check_simple_key()
        if simple or self.analysis is None or not isinstance(self.event, yaml.ScalarEvent):
            return simple
        return not self.analysis.multiline and len(self.analysis.scalar) < _LONGEST_KEY


class _CompactWriter(_Writer):
    """Writes short lists of scalars on one line, and folds long text."""


class InlineMapping(dict[str, Any]):
    """A mapping that is written on one line."""


class InlineList(list[Any]):
    """A list that is written on one line."""


def _text_node(writer: _Writer, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=_style_of(text))


def _folded_text_node(writer: _Writer, text: str) -> yaml.ScalarNode:
    if len(text) <= _WIDTH or " ".join(text.split()) != text:
        return _text_node(writer, text)
    style = ">" if all(map(_is_visible, text)) else '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _style_of(text: str) -> str | None:
    """Return the quotes that a text needs beyond those that the writer sets itself."""
    if not all(map(_is_visible, text)):
        return '"'  # the only style with escapes
    if "\n" in text:
        return "|"
    return None if is_plain_text(text) else '"'


def _list_node(writer: _Writer, value: list[Any]) -> yaml.SequenceNode:
    short = (
        all(not isinstance(item, list | dict) and "\n" not in str(item) for item in value)
        and sum(len(str(item)) + 2 for item in value) <= _SHORT
    )
    return writer.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=short)


def _inline_mapping_node(writer: _Writer, value: InlineMapping) -> yaml.MappingNode:
    return writer.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True)


def _inline_list_node(writer: _Writer, value: InlineList) -> yaml.SequenceNode:
    return writer.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


_Writer.add_representer(str, _text_node)
_Writer.add_representer(InlineMapping, _inline_mapping_node)
_Writer.add_representer(InlineList, _inline_list_node)
_CompactWriter.add_representer(str, _folded_text_node)
_CompactWriter.add_representer(list, _list_node)
