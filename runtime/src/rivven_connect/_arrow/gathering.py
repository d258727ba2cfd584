"""Batches of one stream, gathered to the tables of files: each has one schema."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from rivven_connect._arrow.schema import is_json_text
from rivven_connect._errors import ConnectorError


class _Part(msgspec.Struct):
    """Batches that share a file."""

    schema: pa.Schema
    batches: list[pa.RecordBatch] = msgspec.field(default_factory=list)
    rows: int = 0
    size: int = 0

    def table(self) -> pa.Table:
        """Return the batches as one table, without a copy where their columns are the same."""
        if all(batch.schema.equals(self.schema) for batch in self.batches):
            return pa.Table.from_batches(self.batches)
        tables = [pa.Table.from_batches([batch]) for batch in self.batches]
        return pa.concat_tables(tables, promote_options="default")


class Gathered:
    """What a stream's next files will hold, in the order in which it came.

    Batches share a file while one schema holds them all: a column that a batch lacks is null there. A
    column of another type starts a new file.
    """

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._storable: pa.Schema | None = None

    def require_storable(self, schema: pa.Schema) -> None:
        """Return if Parquet can hold such columns.

        Raises:
            ConnectorError: it cannot; of kind `schema`.
        """
        if self._storable is not None and self._storable.equals(schema):
            return
        if len(set(schema.names)) != len(schema.names):
            raise ConnectorError.schema("two columns have the same name")
        try:
            pq.ParquetWriter(pa.BufferOutputStream(), schema).close()
        except (pa.ArrowException, ValueError) as error:
            raise ConnectorError.schema(f"Parquet cannot hold the columns: {error}") from error
        self._storable = schema

    def add(self, batch: pa.RecordBatch, *, most_rows: int, most_bytes: int) -> None:
        """Keep a batch, cut where it is larger than a file may be."""
        for start in range(0, batch.num_rows, most_rows):
            self._add(batch.slice(start, most_rows), most_rows, most_bytes)

    def tables(self) -> Iterator[pa.Table]:
        """Yield the table of each file."""
        for part in self._parts:
            yield part.table()

    def clear(self) -> None:
        """Forget all batches."""
        self._parts.clear()

    def _add(self, batch: pa.RecordBatch, most_rows: int, most_bytes: int) -> None:
        rows, size = batch.num_rows, batch.nbytes
        part = self._parts[-1] if self._parts else None
        schema = None
        if part and part.rows + rows <= most_rows and part.size + size <= most_bytes:
            schema = merged(part.schema, batch.schema)
        if part is None or schema is None:
            part, schema = _Part(batch.schema), batch.schema
            self._parts.append(part)
        part.schema = schema
        part.batches.append(batch)
        part.rows += rows
        part.size += size


def merged(one: pa.Schema, other: pa.Schema) -> pa.Schema | None:
    """Return a schema that holds the columns of both as they are, or None."""
    if one.equals(other, check_metadata=True):
        return one
    if not all(field.nullable for field in (*one, *other)):
        return None
    texts = dict(_texts(one, "", nulls=True))
    if any(texts.get(path, is_json) != is_json for path, is_json in _texts(other, "")):
        return None
    try:
        return pa.unify_schemas([one, other], promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None


def _texts(
    fields: pa.Schema | pa.DataType, above: str, *, nulls: bool = False
) -> Iterator[tuple[str, bool]]:
    """Yield the path of each column of texts, and whether they are JSON; the two must not mix.

    With `nulls`, also those that hold nothing yet: where one schema has a column, it is not marked as
    JSON by another.
    """
    found = fields if isinstance(fields, pa.Schema) else map(fields.field, range(fields.num_fields))
    for field in found:
        path = f"{above}/{field.name}"
        if pa.types.is_string(field.type) or (nulls and pa.types.is_null(field.type)):
            yield path, is_json_text(field)
        elif pa.types.is_nested(field.type):
            yield from _texts(field.type, path, nulls=nulls)
