"""Parquet files that appear whole: written under a hidden name, made durable, then renamed."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rivven_connect import ConnectorError
from rivven_connect._arrow.gathering import Gathered
from rivven_connect._run_names import run_name, started_of, with_range
from rivven_connect._stream_paths import make_folder, sync_folder

_log = logging.getLogger("rivven_connect.parquet_sink")

_STAGED = re.compile(r"\.(\d{8}T\d{6}\.\d{6}Z)-([0-9a-f]{8})-\d{12}-\d{12}\.parquet\.tmp", re.ASCII)


class Staging:
    """What one run has taken and not yet published.

    A file is named after the run and the range of the stream's records in it, counted from the start of
    the run. What a failed flush published, the next try therefore replaces by the same. In the order of
    their names, files are in the order of their making.

    Nothing touches the disk before `publish`: what `add` took can then not be half there. The memory
    is that of the batches, which the engine holds until they are durable anyway. Every method blocks,
    hence is called in a thread; a lock makes `discard` wait for a call whose caller was cancelled.
    """

    def __init__(self) -> None:
        self._run = run_name()
        self._started = started_of(self._run)
        self._lock = threading.Lock()
        self._gathered: dict[Path, Gathered] = {}
        self._published: dict[Path, int] = {}
        self._swept: set[Path] = set()

    def add(
        self,
        batches: Sequence[tuple[Path, pa.RecordBatch]],
        *,
        most_rows: int,
        most_bytes: int,
    ) -> None:
        """Keep all of the batches for the file of their folder, or none of them.

        Raises:
            ConnectorError: Parquet cannot hold the columns of one.
        """
        with self._lock:
            for folder, batch in batches:
                self._gathered.setdefault(folder, Gathered()).require_storable(batch.schema)
            for folder, batch in batches:
                if batch.num_rows:
                    self._gathered[folder].add(batch, most_rows=most_rows, most_bytes=most_bytes)

    def publish(self, *, compression: str, row_group_rows: int) -> None:
        """Write what was added to files, durable and visible; whatever comes of it, it is forgotten.

        Raises:
            OSError: the disk is full, or the like; which files were published is not known.
        """
        with self._lock:
            published: dict[Path, int] = {}
            try:
                for folder, gathered in self._gathered.items():
                    first = self._published.get(folder, 0)
                    for table in gathered.tables():
                        last = first + table.num_rows - 1
                        self._make_folder(folder)
                        _write(
                            table,
                            folder / f"{with_range(self._run, first, last)}.parquet",
                            compression=compression,
                            row_group_rows=row_group_rows,
                        )
                        first = last + 1
                    if first > self._published.get(folder, 0):
                        sync_folder(folder)
                    published[folder] = first
            finally:
                self._forget()
            self._published |= published

    def discard(self) -> None:
        """Forget what was added and not published."""
        with self._lock:
            self._forget()

    def sweep(self, folders: Sequence[Path]) -> None:
        """Remove unfinished files of earlier runs, once; those that a run still writes stay."""
        with self._lock:
            for folder in folders:
                self._sweep(folder)

    def _forget(self) -> None:
        for gathered in self._gathered.values():
            gathered.clear()

    def _make_folder(self, folder: Path) -> None:
        make_folder(folder.absolute())
        self._sweep(folder)

    def _sweep(self, folder: Path) -> None:
        if folder in self._swept:
            return
        self._swept.add(folder)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for name in sorted(os.listdir(folder)):
                found = _STAGED.fullmatch(name)
                if found and found[1] <= self._started and not name.startswith(f".{self._run}-"):
                    _remove_abandoned(folder / name)


def _write(table: pa.Table, path: Path, *, compression: str, row_group_rows: int) -> None:
    """Write one file and give it its name once it is whole and durable."""
    staged = path.with_name(f".{path.name}.tmp")
    with _staged_file(staged) as descriptor:
        with pa.OSFile(str(staged), "wb") as out:
            pq.write_table(table, out, compression=compression, row_group_size=row_group_rows)
        os.fsync(descriptor)
        if os.fstat(descriptor).st_nlink == 0:
            raise ConnectorError.io(f"{staged} was deleted while it was written")
        os.replace(staged, path)


@contextlib.contextmanager
def _staged_file(path: Path) -> Iterator[int]:
    """Hold a locked file, which tells a run that is alive from one that crashed; remove it on failure."""
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o666)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: then nobody sweeps
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    with contextlib.suppress(OSError):  # somebody writes it, or swept it first
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            _log.warning("removed %s, which an earlier run did not finish", path)
        finally:
            os.close(descriptor)
