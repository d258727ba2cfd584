"""Sample records in, a stream of a manifest out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rivven_connect.documents import InputError, Problem, escape_text
from rivven_generator.importers.notes import Note
from rivven_generator.importers.samples.findings import Findings
from rivven_generator.importers.samples.keys import KeyRepeats, UniqueFields, suggest, unfit_reason
from rivven_generator.importers.samples.lines import opened_sample, records_of
from rivven_generator.importers.samples.schemas import schema_of
from rivven_generator.importers.samples.shapes import Shape, Shapes


@dataclasses.dataclass(frozen=True, slots=True)
class Inferred:
    """A stream as a manifest writes it, what is to be said about it, and the records that were read."""

    stream: dict[str, Any]
    notes: Sequence[Note]
    records: int


def infer_stream(
    path: str,
    *,
    name: str,
    primary_key: Sequence[str] = (),
    cursor: str | None = None,
    limit: int | None = None,
) -> Inferred:
    """Return the stream that the JSON Lines file at `path` is a sample of; `-` is standard input.

    Every record of the sample is valid under its schema. Needs memory for the fields, not for the
    records.

    Raises:
        InputError: a line is no record, there is none, or a key is not in every record, or not unique.
    """
    shapes, unique, repeats = Shapes(), UniqueFields(), KeyRepeats(primary_key)
    with opened_sample(path) as file:
        for record in records_of(file, path, limit):
            shapes.take(record)
            unique.take(record)
            repeats.take(record)
    root = shapes.root
    if not root.values:
        raise _refusal(path, "RVN863", "there is no record in the sample", "name one with records")
    for word, fields in (("primary key", primary_key), ("cursor", [cursor] if cursor else [])):
        _check(path, root, word, fields)
    if repeats.found:
        shown = escape_text(", ".join(primary_key), limit=60)
        message = f"`{shown}` cannot be the primary key: two records have the same"
        raise _refusal(path, "RVN864", message, "name more fields, or another one")
    findings = Findings()
    schema = schema_of(root, findings)
    suggest(root, unique, findings, key=not primary_key, cursor=cursor is None)
    stream: dict[str, Any] = {"name": name}
    if primary_key:
        stream["primary_key"] = list(primary_key)
    if cursor:
        stream["cursor"] = cursor
    return Inferred({**stream, "schema": schema}, findings.notes, root.values)


def _check(path: str, root: Shape, word: str, fields: Sequence[str]) -> None:
    for field in fields:
        reason = unfit_reason(root, field)
        if reason is not None:
            shown = escape_text(field, limit=60)
            message = f"`{shown}` cannot be the {word}: {reason}"
            hint = "name a field that each record has, with a text or a number in it"
            raise _refusal(path, "RVN864", message, hint)


def _refusal(path: str, code: str, message: str, hint: str) -> InputError:
    shown = "<stdin>" if path == "-" else path
    return InputError([Problem(code=code, message=message, hint=hint, path=shown)])
