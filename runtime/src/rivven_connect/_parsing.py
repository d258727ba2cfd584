"""Builds the tree of a document from the events of PyYAML's parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

import msgspec
import yaml

from rivven_connect._nodes import Node, Position, Problems
from rivven_connect._problems import escape_text
from rivven_connect._scalars import (
    AmbiguousScalarError,
    UnsafeNumberError,
    resolve_foreign,
    resolve_plain,
)

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REFUSED_RAW: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
# An escape may write what raw text must not hold, except what acts on terminals or breaks UTF-8.
_REFUSED_ESCAPED: Final = "\x00-\x08\x0e-\x1f\x7f"
_REFUSED_BEYOND: Final = "\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff"


class Limits(msgspec.Struct, frozen=True):
    """How large a document may be."""

    max_bytes: int = 1024 * 1024
    max_depth: int = 64
    max_values: int = 100_000
    max_entries: int = 100_000
    """Of one list or mapping."""


class _Open(msgspec.Struct):
    """A mapping or sequence whose end has not been read."""

    node: Node
    key: str | None = None
    key_position: Position = (0, 0)
    waits_for_value: bool = False


def parse_text(
    text: str, problems: Problems, limits: Limits, *, json: bool, foreign: bool = False
) -> Node:
    """Return the tree of the only document in `text`; problems that allow it are collected.

    A `foreign` text was not written for us: words that YAML versions read differently are taken as
    most readers take them, and keys that are no text as they are written.
    """
    _refuse_characters(text, problems)
    if json:
        from rivven_connect._json_text import json_as_yaml  # noqa: PLC0415  # most files are YAML

        text = json_as_yaml(text, problems, limits.max_depth)
    return _Builder(problems, limits, json=json, foreign=foreign).build(text)


def _refuse_characters(text: str, problems: Problems) -> None:
    bad = _first(_REFUSED_RAW, text)
    if bad:
        before = text[: bad.start()]
        place = (before.count("\n") + 1, bad.start() - before.rfind("\n"))
        problems.stop("RVN104", f"character U+{ord(bad.group()):04X} is not allowed here", place)


def _first(refused: str, text: str) -> re.Match[str] | None:
    """Return where the first refused character of a text stands."""
    # ASCII holds no others, and a set that reaches far is slow to compile.
    beyond = "" if text.isascii() else _REFUSED_BEYOND
    return re.search(f"[{refused}{beyond}]", text)


class _Builder:
    """Turns events into nodes, without recursion."""

    def __init__(self, problems: Problems, limits: Limits, *, json: bool, foreign: bool) -> None:
        self._problems = problems
        self._limits = limits
        self._values = 0
        self._json = json
        self._foreign = foreign
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0

    def build(self, text: str) -> Node:
        try:
            for event in _events(text):
                self._take(event)
        except yaml.YAMLError as error:
            self._refuse_syntax(error, text)
        if self._root is None or (self._root.value is None and not self._root.source):
            self._problems.stop("RVN105", "the document is empty")
        return self._root

    def _take(self, event: yaml.Event) -> None:
        place = _place(event)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._problems.stop(
                    "RVN109", "a second document starts here", place, hint="remove the `---`"
                )
        elif isinstance(event, yaml.AliasEvent):
            self._problems.stop(
                "RVN112", "aliases are not allowed", place, hint="repeat the value in full"
            )
        elif isinstance(event, yaml.NodeEvent):
            self._refuse_decoration(event, place)
            self._start(event, place)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._open.pop()

    def _refuse_decoration(self, event: Any, place: Position) -> None:
        if event.anchor:
            self._problems.stop(
                "RVN112", "anchors are not allowed", place, hint="remove the `&name`"
            )
        if event.tag:
            self._problems.add(
                "RVN113",
                "tags are not allowed",
                place,
                hint="remove the `!...`; quote the value if it is text",
            )

    def _start(self, event: yaml.Event, place: Position) -> None:
        top = self._open[-1] if self._open else None
        if top and isinstance(top.node.children, dict) and not top.waits_for_value:
            self._key(top, event, place)
            return
        self._refuse_much(top, place)
        node = self._node(event, place)
        if top is None:
            self._root = node
        else:
            self._attach(top, node)
        if node.children is not None:
            if len(self._open) >= self._limits.max_depth:
                self._problems.stop(
                    "RVN106", f"nested more than {self._limits.max_depth} levels deep", place
                )
            self._open.append(_Open(node))

    def _refuse_much(self, top: _Open | None, place: Position) -> None:
        self._values += 1
        if self._values > self._limits.max_values:
            reason = f"the file holds more than {self._limits.max_values} values"
        elif top and len(top.node.value) >= self._limits.max_entries:
            what = "mapping" if isinstance(top.node.children, dict) else "list"
            reason = f"this {what} has more than {self._limits.max_entries} entries"
            place = top.node.position
        else:
            return
        self._problems.stop("RVN102", reason, place)

    def _node(self, event: yaml.Event, place: Position) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return Node(self._scalar(event, place), place, event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            node = Node([], place)
            node.children = []
        else:
            node = Node({}, place)
            node.children = {}
        return node

    def _attach(self, top: _Open, node: Node) -> None:
        if isinstance(top.node.children, list):
            top.node.children.append(node)
            top.node.value.append(node.value)
        elif top.node.children is not None:
            top.waits_for_value = False
            if top.key is not None:
                top.node.children[top.key] = node
                top.node.keys[top.key] = top.key_position
                top.node.value[top.key] = node.value

    def _key(self, top: _Open, event: yaml.Event, place: Position) -> None:
        """Take the key of a pair; None marks one whose value is read and dropped."""
        if not isinstance(event, yaml.ScalarEvent):
            self._problems.stop("RVN115", "a key must be text, not a list or mapping", place)
        top.key, top.key_position, top.waits_for_value = None, place, True
        if event.value == "<<" and not event.style:
            self._problems.stop(
                "RVN112", "merge keys are not allowed", place, hint="repeat the pairs in full"
            )
        key = event.value if self._foreign and not event.style else self._scalar(event, place)
        shown = escape_text(event.value, limit=80)
        if not isinstance(key, str):
            if key is not _AMBIGUOUS:
                self._problems.add(
                    "RVN115", f"the key {shown} is not text", place, hint=f'quote it: "{shown}"'
                )
        elif key in top.node.value:
            line, column = top.node.keys[key]
            self._problems.add(
                "RVN111",
                f"the key {shown!r} stands here and in line {line}, column {column}",
                place,
                hint="keep one of the two",
            )
        else:
            top.key = key

    def _scalar(self, event: Any, place: Position) -> Any:
        text = event.value
        if not event.style:
            return self._plain(text, place)
        bad = _first(_REFUSED_ESCAPED, text) if event.style == '"' else None
        if bad:
            self._problems.add(
                "RVN104", f"character U+{ord(bad.group()):04X} is not allowed in text", place
            )
        return text

    def _plain(self, text: str, place: Position) -> Any:
        shown = escape_text(text, limit=80)
        try:
            return (resolve_foreign if self._foreign else resolve_plain)(text, json=self._json)
        except AmbiguousScalarError:
            self._problems.add(
                "RVN114",
                f"YAML versions disagree on what `{shown}` means",
                place,
                hint=f'quote it if it is text: "{shown}"{_otherwise(text)}',
            )
        except UnsafeNumberError:
            self._problems.add(
                "RVN116", f"the number {shown} is not finite or does not fit 64 bits", place
            )
        return _AMBIGUOUS

    def _refuse_syntax(self, error: yaml.YAMLError, text: str) -> NoReturn:
        from rivven_connect._syntax import explain_syntax  # noqa: PLC0415  # only after a mistake

        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        line = text.split("\n")[mark.line] if mark and mark.line <= text.count("\n") else ""
        reason = getattr(error, "problem", None) or "the text is not well-formed"
        if "Unicode character escape" in reason:
            self._problems.stop("RVN104", "this escape does not name a character", place)
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent or "'\\t'" in reason:
            self._problems.stop(
                "RVN107", "a tab stands where YAML wants spaces", place, hint="indent with spaces"
            )
        message, fix = explain_syntax(error)
        self._problems.stop("RVN108", message, place, hint=fix)


def _otherwise(text: str) -> str:
    """Return what to write if an ambiguous word is no text but a boolean or a number."""
    word = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text.lower())
    if word:
        return f"; else write {word}"
    is_time = ":" in text or "-" in text[1:]
    return "" if is_time else "; else write the number in plain digits"


_AMBIGUOUS: Final = object()


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=_LOADER)


def _place(event: yaml.Event) -> Position:
    mark = event.start_mark
    if mark is None:  # parsers always set it; the type allows for hand-made events
        return (0, 0)
    return (mark.line + 1, mark.column + 1)
