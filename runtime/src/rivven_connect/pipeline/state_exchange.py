"""A saved state as a JSON document that people can keep, move and read.

Each state and the whole document have a SHA-256, so that a cut or edited file is not imported by
mistake. What the pipeline read and wrote (its fingerprints) is not in it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn

import msgspec

from rivven_connect._errors import InputError, StateStoreError
from rivven_connect._json import JsonObject
from rivven_connect._problems import Problem
from rivven_connect.pipeline.snapshot import Snapshot, read_database
from rivven_connect.pipeline.state_edit import Content
from rivven_connect.pipeline.state_encoding import encode_state
from rivven_connect.pipeline.state_files import StateRefused
from rivven_connect.pipeline.state_rows import StateRow

FORMAT: Final = "rivven-state"
VERSION: Final = 1

_DATABASE: Final = b"SQLite format 3\0"


class _State(msgspec.Struct, forbid_unknown_fields=True):
    source: Annotated[str, msgspec.Meta(min_length=1)]
    stream: str
    partition: str
    value: dict[str, Any]
    sha256: str


class _Counter(msgspec.Struct, forbid_unknown_fields=True):
    connector: str
    name: str
    value: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Export(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["rivven-state"]
    version: int
    pipeline: str
    committed_at: str
    states: list[_State]
    counters: list[_Counter]
    sha256: str


class Imported(msgspec.Struct, frozen=True):
    """What a file to import holds."""

    pipeline: str
    content: Content


def export_state(snapshot: Snapshot) -> JsonObject:
    """Return a state as a JSON document."""
    document: JsonObject = {
        "format": FORMAT,
        "version": VERSION,
        "pipeline": snapshot.meta.pipeline,
        "committed_at": snapshot.meta.committed_at,
        "states": [
            {
                "source": row.source,
                "stream": row.stream,
                "partition": row.partition,
                "value": json.loads(row.value),
                "sha256": f"{row.digest():064x}",
            }
            for row in snapshot.states
        ],
        "counters": [
            {"connector": connector, "name": name, "value": value}
            for (connector, name), value in snapshot.counters.items()
        ],
    }
    return {**document, "sha256": _digest(document)}


def load_import(path: Path, *, accept_edits: bool = False) -> Imported:
    """Return what a file holds: an exported document, or a backup of a state database.

    Args:
        path: the file.
        accept_edits: take a document whose checksums do not fit, as after an edit by hand.

    Raises:
        InputError: it is neither, it is damaged or edited, or it holds a secret (RVN731).
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        _refuse(path, f"it cannot be read: {error.strerror}")
    if raw.startswith(_DATABASE):
        return _from_database(path)
    try:
        document = json.loads(raw)
        found = msgspec.convert(document, _Export, strict=True)
    except msgspec.ValidationError as error:
        _refuse(path, f"it is no exported state: {error}")
    except (ValueError, RecursionError):
        _refuse(path, "it is neither an exported state nor a backup of one")
    if found.version != VERSION:
        _refuse(path, f"its format has version {found.version}; this program knows {VERSION}")
    states = _states(path, found, accept_edits=accept_edits)
    if not accept_edits and _digest(document) != found.sha256:
        _refuse_edited(path, "its checksum does not fit")
    counters = {(one.connector, one.name): one.value for one in found.counters}
    return Imported(found.pipeline, Content(states, counters))


def _states(path: Path, found: _Export, *, accept_edits: bool) -> list[StateRow]:
    rows: dict[tuple[str, str], StateRow] = {}
    for number, one in enumerate(found.states):
        at = f"/states/{number}"
        try:
            row = encode_state(one.source, (one.stream, one.partition), one.value)
        except StateStoreError as error:
            _refuse(path, str(error), at)
        if not accept_edits and f"{row.digest():064x}" != one.sha256:
            _refuse_edited(path, "the checksum of a state does not fit", at)
        if (row.source, row.name) in rows:
            _refuse(path, f"source {row.source!r} has two states called {row.name!r}", at)
        rows[row.source, row.name] = row
    return list(rows.values())


def _from_database(path: Path) -> Imported:
    try:
        found = read_database(path, None)
    except StateRefused as error:
        _refuse(path, f"the database {error.reason}")
    except sqlite3.Error as error:
        _refuse(path, f"the database cannot be read: {error}")
    if found is None:
        _refuse(path, "the database is empty")
    return Imported(found.meta.pipeline, Content(found.states, found.counters))


def _digest(document: Mapping[str, Any]) -> str:
    body = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(body, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_edited(path: Path, reason: str, pointer: str = "") -> NoReturn:
    hint = "if it was edited on purpose, import it with --accept-edits; otherwise export it again"
    _refuse(path, f"{reason}: it was cut or edited", pointer, hint)


def _refuse(path: Path, reason: str, pointer: str = "", hint: str = "") -> NoReturn:
    problem = Problem(code="RVN731", message=reason, hint=hint, path=path, pointer=pointer)
    raise InputError([problem])
