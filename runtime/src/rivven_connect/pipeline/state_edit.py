"""Resets and replaces a saved state: only ever on request, with a copy of what was there before."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import msgspec.structs

from rivven_connect._errors import StateStoreError
from rivven_connect.pipeline.lock import PipelineLock
from rivven_connect.pipeline.marker import Marker, MarkerFile
from rivven_connect.pipeline.private_files import sync_folder
from rivven_connect.pipeline.state_check import check_content
from rivven_connect.pipeline.state_files import (
    StateRefused,
    connect,
    connect_readonly,
    free_name,
    make_folder,
    move_aside,
    translated,
)
from rivven_connect.pipeline.state_rows import Changes, StateRow, transaction
from rivven_connect.pipeline.state_schema import Meta, create_tables, new_key, read_meta, write_meta
from rivven_connect.pipeline.store import EDITED, StateStore

_log = logging.getLogger("rivven_connect.pipeline")


class Content(msgspec.Struct, frozen=True):
    """What a state is replaced by."""

    states: Sequence[StateRow] = ()
    counters: Mapping[tuple[str, str], int] = msgspec.field(default_factory=dict)


class Edit(msgspec.Struct, frozen=True):
    """What was done."""

    removed: Sequence[StateRow]
    """The states that are gone; empty where what was there could not be read."""

    copy: Path | None
    """What was there before: a backup, or the very file, moved aside; None if there was nothing."""


def reset_state(
    folder: Path, pipeline: str, rows: Sequence[StateRow], *, whole: bool = True
) -> Edit:
    """Remove some states, of their sources `whole`; those start afresh, and may read other things.

    Raises:
        AlreadyRunning: the pipeline runs.
        StateStoreError: nothing was removed.
    """
    with contextlib.closing(StateStore.open(folder, pipeline)) as store:
        copy = free_name(store.path, "before-reset")
        store.back_up(copy)
        with store.changing() as changes:
            for row in rows:
                changes.remove(row)
            for source in {row.source for row in rows}:
                changes.forget_identity("source", source)
            changes.count(
                edits((row.source for row in rows) if whole else (), () if whole else rows)
            )
    for row in rows:
        _log.info("the state of source %r stream %r was reset", row.source, row.name)
    return Edit(rows, copy)


def edits(sources: Iterable[str], rows: Iterable[StateRow] = ()) -> dict[tuple[str, str], int]:
    """Return the counters by which the next run knows that a person has decided where it begins.

    A transactional sink holds a checkpoint of its own, which would win otherwise.
    """
    whole = {(f"source:{source}", EDITED): 1 for source in sources}
    return whole | {(f"source:{row.source}", f"{EDITED}:{row.name}"): 1 for row in rows}


def replace_state(folder: Path, pipeline: str, content: Content, *, why: str) -> Edit:
    """Replace a whole state, also one that is refused; the owner's term stays monotonic.

    A state that is refused is moved aside, and never deleted. `why` (`reset`, `import`) names the
    copy. What is read and written may change with a reset.

    Raises:
        AlreadyRunning: the pipeline runs.
        StateStoreError: the state is as it was.
    """
    make_folder(folder)
    try:
        store = StateStore.open(folder, pipeline)
    except StateRefused as error:
        _log.warning("%s", error)
        edit = _replace_refused(folder / f"{pipeline}.db", pipeline, content)
    else:
        with contextlib.closing(store):
            edit = _replace_open(store, content, why)
    _log.info("the state of pipeline %s was replaced (%s); before: %s", pipeline, why, edit.copy)
    return edit


def _replace_open(store: StateStore, content: Content, why: str) -> Edit:
    removed = store.states()
    copy = free_name(store.path, f"before-{why}")
    store.back_up(copy)
    with store.changing() as changes:
        changes.remove_all()
        if why == "reset":
            changes.forget_all_identities()
        _fill(changes, content)
    return Edit(removed, copy)


def _replace_refused(path: Path, pipeline: str, content: Content) -> Edit:
    """Put a new database into the place of one that cannot be trusted."""
    lock = PipelineLock(path.with_suffix(".lock"))
    lock.acquire()
    try:
        with translated(path):
            meta = _successor(path, pipeline)
            new = path.with_name(f"{path.name}.new")
            built = _build(new, meta, content)
            # From here to the end a kill leaves a state that is refused, never an empty one.
            MarkerFile(path.with_suffix(".marker")).write(built)
            aside = move_aside(path, "refused")
            new.replace(path)
            sync_folder(path.parent)
    finally:
        lock.release()
    return Edit((), aside)


def _successor(path: Path, pipeline: str) -> Meta:
    """Return the meta of a state that comes after whatever marker and database still tell."""
    instance, term, commits = uuid.uuid4().hex, 0, 0
    with contextlib.suppress(StateRefused):
        marker = Marker.read(path.with_suffix(".marker"))
        if marker is not None:
            instance, term, commits = marker.instance, marker.term, marker.commits
    with contextlib.suppress(sqlite3.Error, StateStoreError, TypeError, ValueError):
        with contextlib.closing(connect_readonly(path)) as connection:
            found = read_meta(connection)
        if found is not None and found[0].seal() == found[1]:
            term, commits = max(term, found[0].owner_term), max(commits, found[0].commits)
    return Meta(pipeline, instance, term, commits + 1, hmac_key=new_key())


def _build(new: Path, meta: Meta, content: Content) -> Meta:
    for leftover in (new, new.with_name(f"{new.name}-journal")):
        leftover.unlink(missing_ok=True)
    with contextlib.closing(connect(new)) as connection, transaction(connection):
        create_tables(connection, meta)
        changes = Changes(connection)
        _fill(changes, content)
        whole = msgspec.structs.replace(meta, total=meta.changed(changes.difference))
        write_meta(connection, whole, owner_term=meta.owner_term)
        return check_content(connection, meta.pipeline)


def _fill(changes: Changes, content: Content) -> None:
    for row in content.states:
        changes.save(row)
    changes.count(content.counters)
