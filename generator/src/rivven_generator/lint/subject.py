"""What a lint rule looks at: a value, and where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from rivven_connect.documents import Document, Problem
from rivven_generator.errors import WARNINGS
from rivven_generator.manifest import Manifest

Path: TypeAlias = tuple[str | int, ...]


class Subject(msgspec.Struct, frozen=True):
    """A part of a document, such as `config`; `at` below is relative to it."""

    document: Document
    prefix: Path
    root: Any

    def problem(
        self, code: str, message: str, at: Path = (), *, hint: str = "", key: bool = False
    ) -> Problem:
        """Return a problem at `at`; the code decides whether it is a warning."""
        return self.document.problem(
            code,
            message,
            (*self.prefix, *at),
            hint=hint,
            key=key,
            severity="warning" if code in WARNINGS else "error",
        )

    def place(self, at: Path, *, key: bool = False) -> str:
        """Return `line L, column C` of `at`, for messages that name a second place."""
        line, column = self.document.position((*self.prefix, *at), key=key)
        return f"line {line}, column {column}"


class Whole(msgspec.Struct, frozen=True):
    """A structurally sound manifest with the places of its parts."""

    manifest: Manifest
    top: Subject
    records: Mapping[int, Subject]
    """Record schemas by the stream's index, where one was read."""
