"""Strict YAML and JSON documents that remember where every value stands.

The tree is built from the parser's events, which come from a state machine: depth, aliases, tags and
duplicates are judged while it runs, so that no hostile nesting ever reaches a recursive function
(composing 50,000 levels ends the process inside libyaml's binding).
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from rivven_connect._nodes import Node, Position, Problems
from rivven_connect._parsing import Limits, parse_text
from rivven_connect._problems import Problem

DOCUMENT_CODES = {
    "RVN100": "file cannot be read",
    "RVN101": "not a regular file",
    "RVN102": "file is too large",
    "RVN103": "file is not UTF-8 text",
    "RVN104": "character that text must not hold",
    "RVN105": "document is empty",
    "RVN106": "nested too deeply",
    "RVN107": "tab where YAML wants spaces",
    "RVN108": "not well-formed",
    "RVN109": "more than one document",
    "RVN110": "document is not a mapping",
    "RVN111": "the same key twice",
    "RVN112": "anchor, alias or merge key",
    "RVN113": "tag",
    "RVN114": "value that YAML versions read differently",
    "RVN115": "key is not text",
    "RVN116": "number that JSON cannot carry",
}
"""Code -> title of everything that this module refuses."""

JsonValue: TypeAlias = Any
Key: TypeAlias = str | int


DEFAULT_LIMITS = Limits()


def to_pointer(path: Sequence[Key]) -> str:
    """Return the JSON pointer (RFC 6901) of `path`."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)


def split_pointer(pointer: str) -> list[str]:
    """Return the keys of a JSON pointer; `ValueError` where it is none."""
    if pointer and not pointer.startswith("/"):
        raise ValueError("a JSON pointer is empty or starts with /")
    parts = pointer.split("/")[1:]
    if any("~" in part.replace("~0", "").replace("~1", "") for part in parts):
        raise ValueError("in a JSON pointer ~ is written ~0 and / is written ~1")
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


class Document(msgspec.Struct, frozen=True):
    """One parsed file: its value as plain JSON data, and the place of each part of it."""

    path: Path | str
    text: str
    value: JsonValue
    root: Node

    def __repr__(self) -> str:
        return f"Document(path={self.path!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # A struct has one of its own, which shows all fields: a text may hold secrets.
        return [("path", self.path)]

    def position(self, at: str | Sequence[Key] = (), *, key: bool = False) -> Position:
        """Return line and column, from 1, of the value at `at`, or of its nearest existing parent.

        `at` is a path of keys and indexes or a JSON pointer. `key=True` gives the key's place.
        """
        node, place = self.root, self.root.position
        for step in _steps(at):
            child = node.child(step)
            if child is None:
                return place
            place = node.key_position(step) if key else child.position
            node = child
        return place

    def source(self, at: str | Sequence[Key]) -> str:
        """Return the scalar at `at` as it is written, such as `1.10`; empty if it is no scalar."""
        node: Node | None = self.root
        for step in _steps(at):
            node = node.child(step) if node else None
        return node.source if node else ""

    def problem(
        self,
        code: str,
        message: str,
        at: str | Sequence[Key] = (),
        *,
        hint: str = "",
        key: bool = False,
        severity: str = "error",
    ) -> Problem:
        """Return a problem at the place of `at` in this document."""
        line, column = self.position(at, key=key)
        return Problem(
            code=code,
            message=message,
            hint=hint,
            path=self.path,
            line=line,
            column=column,
            pointer=at if isinstance(at, str) else to_pointer(at),
            severity=severity,
        )


def load_document(
    path: Path | str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    mapping: bool = True,
    foreign: bool = False,
) -> Document:
    """Return the document in the regular file at `path`, which is read once.

    `mapping` asks for a mapping at the top. `foreign` is for files that were not written for us: it
    takes `no` as false and a bare date as text instead of asking for quotes, and JSON by any name.
    Raises `InputError` with located problems.
    """
    text = _read(path, limits)
    return parse_document(text, path=path, limits=limits, mapping=mapping, foreign=foreign)


def parse_document(
    text: str | bytes,
    *,
    path: Path | str = "",
    limits: Limits = DEFAULT_LIMITS,
    mapping: bool = True,
    foreign: bool = False,
) -> Document:
    """Return `text` as a document; `path` is what problems call it, `.json` makes it strict JSON."""
    problems = Problems(path)
    decoded = _decode(text, problems, limits)
    json = str(path).endswith(".json") or (foreign and _is_json(decoded))
    root = parse_text(decoded, problems, limits, json=json, foreign=foreign)
    problems.raise_if_any()
    if mapping and not isinstance(root.value, dict):
        problems.stop("RVN110", "the document must be a mapping (`key: value`)", root.position)
    return Document(path=path, text=decoded, value=root.value, root=root)


def _is_json(text: str) -> bool:
    """Whether the text begins as a JSON object or list does, and a flow mapping of YAML does not."""
    return re.match(r'\s*[\[{]\s*["{\[\]}]', text) is not None


def _steps(at: str | Sequence[Key]) -> Sequence[Key]:
    return split_pointer(at) if isinstance(at, str) else at


def _decode(text: str | bytes, problems: Problems, limits: Limits) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.max_bytes:
        problems.stop(
            "RVN102",
            f"the file is larger than {limits.max_bytes} bytes",
            hint="move large record schemas into files of their own",
        )
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        wide = text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        problems.stop(
            "RVN103",
            "the file is UTF-16, not UTF-8" if wide else "these bytes are not UTF-8",
            (line, 1),
            hint="save the file as UTF-8",
        )


def _read(path: Path | str, limits: Limits) -> bytes:
    problems = Problems(path)
    # Without O_NONBLOCK, opening a FIFO would wait for its writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        problems.stop("RVN100", "there is no such file")
    except ValueError:
        problems.stop("RVN100", "this is not a path that a file can have")
    except OSError as error:
        problems.stop("RVN100", f"the file cannot be read: {error.strerror}")
    try:
        return _read_regular(descriptor, problems, limits)
    finally:
        os.close(descriptor)


def _read_regular(descriptor: int, problems: Problems, limits: Limits) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        problems.stop(
            "RVN101", "this is not a regular file", hint="name a file, not a folder, device or pipe"
        )
    try:
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(limits.max_bytes + 1)
    except OSError as error:
        problems.stop("RVN100", f"the file cannot be read: {error.strerror}")
