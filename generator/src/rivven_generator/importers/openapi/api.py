"""What an OpenAPI document says, whatever is missing or of another form in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from rivven_connect.documents import Document, InputError
from rivven_generator.importers.notes import Notes, Path
from rivven_generator.importers.records import Dialect, RecordNotes, RecordSchemas
from rivven_generator.importers.records.references import References

_METHODS: Final = frozenset(
    "get put post delete options head patch trace query".split()  # noqa: SIM905
)


class Api:
    """One document with its references followed; every look-up gives a mapping, list or text."""

    def __init__(self, document: Document, notes: Notes) -> None:
        """Take a document.

        Raises:
            InputError: it is no OpenAPI document.
        """
        self.document = document
        self.notes = RecordNotes(notes)
        self.is_swagger = _is_swagger(document)
        version = self.text((), "openapi")
        is_modern = not self.is_swagger and not version.startswith("3.0")
        self.references = References(document)
        self.schemas = RecordSchemas(
            document, self.notes, dialect=Dialect(ref_siblings=is_modern, responses=True)
        )

    def value(self, at: Path) -> Any:
        """Return the value at `at`, or None."""
        node: Any = self.document.value
        for step in at:
            if isinstance(node, dict):
                node = node.get(str(step))
            elif isinstance(node, list) and isinstance(step, int) and step < len(node):
                node = node[step]
            else:
                return None
        return node

    def mapping(self, at: Path) -> dict[str, Any]:
        """Return the mapping at `at`; empty where there is none."""
        found = self.value(at)
        return found if isinstance(found, dict) else {}

    def items(self, at: Path) -> list[Any]:
        """Return the list at `at`; empty where there is none."""
        found = self.value(at)
        return found if isinstance(found, list) else []

    def text(self, at: Path, key: str) -> str:
        """Return the text, or the number as it is written, of a key; empty where there is none."""
        found = self.mapping(at).get(key)
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return self.document.source((*at, key))
        return found.strip() if isinstance(found, str) else ""

    def followed(self, at: Path) -> Path | None:
        """Return where the mapping at `at` really is; None where a reference leads nowhere."""
        end = self.references.end(at)
        if end is None:
            reason = "the reference leads out of the document, nowhere, or in circles"
            self.notes.add("RVN848", reason, (*at, "$ref"))
        return end

    def operations(self) -> Iterator[tuple[str, str, Path]]:
        """Yield path, method and place of every operation, in the order of the document."""
        for path in self.mapping(("paths",)):
            at = self.followed(("paths", path)) if path.startswith("/") else None
            for method in self.mapping(at) if at is not None else ():
                if method in _METHODS and at is not None and self.mapping((*at, method)):
                    yield path, method, (*at, method)


def _is_swagger(document: Document) -> bool:
    value = document.value
    version = str(value.get("openapi", ""))
    is_swagger = str(value.get("swagger", "")) in {"2.0", "2"}
    if not is_swagger and not re.match(r"3\.[0-9]", version):
        hint = 'name a file with `openapi: 3.x` or `swagger: "2.0"` at its top'
        raise InputError([document.problem("RVN840", "this is no OpenAPI document", (), hint=hint)])
    needs_paths = is_swagger or version.startswith("3.0")
    if not isinstance(value.get("paths", None if needs_paths else {}), dict):
        raise InputError(
            [
                document.problem(
                    "RVN840",
                    "`paths` is no mapping",
                    ("paths",),
                    hint="name the document that has the paths",
                )
            ]
        )
    return is_swagger
