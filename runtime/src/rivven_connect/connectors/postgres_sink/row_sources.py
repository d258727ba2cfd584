"""Rows as a part of a statement: an array of texts a column, which the server makes a table of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rivven_connect._tables.changes import Key
from rivven_connect.connectors.postgres_sink.tables import Table
from rivven_connect.connectors.postgres_sink.values import Texts, array_literal
from rivven_connect.postgres import quoted

Columns = Mapping[str, Texts]
"""Column -> texts, one a row."""


def arrays(columns: Columns) -> list[str]:
    """Return the values of a statement with these rows."""
    return [array_literal(texts) for texts in columns.values()]


def unnested(
    table: Table,
    columns: Iterable[str],
    others: Mapping[str, str] | None = None,
    *,
    first: int = 1,
) -> str:
    """Return the rows as a table; its columns have the names and types of the table's.

    Args:
        table: of the stream.
        columns: of the table, in the order of the values.
        others: name -> type of what comes behind them.
        first: the number of the first value.
    """
    casts = {column: table.columns[column].cast for column in columns} | dict(others or {})
    texts = ", ".join(f"${first + number}::text[]" for number in range(len(casts)))
    letters = [f"c{number}" for number in range(len(casts))]
    values = ", ".join(
        f"{letter}::{cast} AS {quoted(column)}"
        for letter, (column, cast) in zip(letters, casts.items(), strict=True)
    )
    return f"(SELECT {values} FROM unnest({texts}) AS texts({', '.join(letters)}))"  # noqa: S608  # quoted


def key_columns(table: Table, keys: Iterable[Key]) -> dict[str, Texts]:
    """Return the columns of some primary keys."""
    parts: Iterable[Sequence[str]] = zip(*keys, strict=True)
    return dict(zip(table.key, map(list, parts), strict=True))


def names(columns: Iterable[str], of: str | None = None) -> str:
    """Return columns as a list, of a table of that name."""
    prefix = f"{of}." if of else ""
    return ", ".join(f"{prefix}{quoted(column)}" for column in columns)


def equal(left: str, right: str, columns: Iterable[str]) -> str:
    """Return the condition that two rows are equal in these columns."""
    return " AND ".join(f"{left}.{quoted(one)} = {right}.{quoted(one)}" for one in columns)
