"""The rows of one file, as Arrow batches; pyarrow is imported with this module, by nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, overload

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from rivven_connect import ConnectorError, Json, JsonObject
from rivven_connect._arrow.schema import name_given_twice

T = TypeVar("T")

_BUFFER_BYTES = 1024 * 1024
"""What is read of a column at once: a row group may be larger than the memory."""


_MOST_BYTES = 16 * 1024 * 1024
"""About the most that a batch takes, by the average of its row group."""


class Piece(msgspec.Struct, frozen=True):
    """Some rows of a file, from row `first` on.

    `row_group` is the next one to read, if these are the last rows of theirs; `is_last` says that there
    is none.
    """

    rows: Any
    first: int
    row_group: int | None
    is_last: bool


class FileReader:
    """Reads one file from a row group on. Every method blocks, hence is called in a thread.

    A lock makes `close` wait for a call whose caller was cancelled.
    """

    def __init__(self, path: str, *, columns: Sequence[str] | None, batch_rows: int) -> None:
        self._path = path
        self._columns = list(columns) if columns is not None else None
        self._batch_rows = batch_rows
        self._lock = threading.Lock()
        self._file: pq.ParquetFile | None = None
        self._pieces: Iterator[Piece] | None = None

    def next(self, row_group: int) -> Piece | None:
        """Return the next rows, at first those of `row_group`; None behind the last ones.

        Raises:
            ConnectorError: the file is damaged.
        """
        with self._lock:
            if self._pieces is None:
                self._pieces = self._read(row_group)
            return self._told(lambda: next(self._pieces or iter(()), None))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._pieces = iter(())
            if self._file is not None:
                self._file.close()

    def schema(self) -> pa.Schema:
        """Return the columns of the file.

        Raises:
            ConnectorError: the file is damaged, or lacks a column that is to be read.
        """
        with self._lock:
            schema = self._told(self._open).schema_arrow
        if self._columns is None:
            return schema
        missing = [name for name in self._columns if name not in schema.names]
        if missing:
            raise ConnectorError.configuration(
                f"{self._path} has no column {missing[0]!r}; it has {', '.join(schema.names)}"
            )
        return pa.schema([schema.field(name) for name in self._columns])

    def _open(self) -> pq.ParquetFile:
        if self._file is None:
            self._file = pq.ParquetFile(self._path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        return self._file

    def _read(self, row_group: int) -> Iterator[Piece]:
        file = self._open()
        self._require_distinct(file.schema_arrow)
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        first = sum(group.num_rows for group in groups[:row_group])
        for number, group in enumerate(groups[row_group:], start=row_group):
            left = group.num_rows
            fitting = _MOST_BYTES * max(left, 1) // max(group.total_byte_size, 1)
            for rows in file.iter_batches(
                max(1, min(self._batch_rows, fitting)),
                row_groups=[number],
                columns=self._columns,
                use_threads=False,
            ):
                left -= len(rows)
                yield Piece(rows, first, None if left else number + 1, number + 1 == len(groups))
                first += len(rows)

    def _require_distinct(self, schema: pa.Schema) -> None:
        chosen = (one for one in schema if self._columns is None or one.name in self._columns)
        if (name := name_given_twice(chosen)) is not None:
            raise ConnectorError.configuration(
                f"{self._path} has two columns {name!r}; leave them out with `columns`, or take the "
                "file away"
            )

    def _told(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (pa.ArrowException, OSError) as error:
            raise ConnectorError.io(f"{self._path} cannot be read as Parquet: {error}") from error


class RowPositions(Sequence[Json]):
    """The positions of consecutive rows of a file, made when somebody looks at one."""

    def __init__(self, name: str, rows: range) -> None:
        self._name = name
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Json: ...
    @overload
    def __getitem__(self, index: slice) -> RowPositions: ...
    def __getitem__(self, index: int | slice) -> Json:
        found = self._rows[index]
        return RowPositions(self._name, found) if isinstance(found, range) else [self._name, found]


def json_schema(schema: pa.Schema) -> JsonObject:
    """Return what records look like that come of such columns; what is not plain stays open."""
    return {
        "type": "object",
        "properties": {field.name: _schema_of(field.type) for field in schema},
    }


def _schema_of(found: pa.DataType) -> JsonObject:
    names = {
        "boolean": pa.types.is_boolean(found),
        "integer": pa.types.is_integer(found),
        "number": pa.types.is_floating(found),
    }
    name = next((name for name, fits in names.items() if fits), None)
    return {} if name is None else {"type": [name, "null"]}
