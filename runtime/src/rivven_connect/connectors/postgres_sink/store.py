"""The tables that are ours, as the checkpoints and syncs use them."""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect._tables.names import SYNC, quoted
from rivven_connect._tables.store import CHECKPOINTS, SYNCS, WRITERS, Answer
from rivven_connect.connectors.postgres_sink.catalog import places_with_column
from rivven_connect.connectors.postgres_sink.database import Database
from rivven_connect.postgres import qualified
from rivven_connect.postgres import quoted as quoted_name

_COLUMNS = {
    WRITERS: "pipeline text, sink text, token text NOT NULL, epoch bigint NOT NULL, "
    "PRIMARY KEY (pipeline, sink)",
    CHECKPOINTS: "pipeline text, sink text, source text, stream text, state text NOT NULL, "
    "PRIMARY KEY (pipeline, sink, source, stream)",
    # Rows of a finished attempt keep its number, so no other attempt may get it.
    SYNCS: "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, pipeline text NOT NULL, "
    "sink text NOT NULL, source text NOT NULL, stream text NOT NULL, attempt text NOT NULL, "
    "UNIQUE (pipeline, sink, source, stream, attempt)",
}


class PostgresStore:
    """Our tables in one schema of the database of the rows."""

    def __init__(self, database: Database, schema: str) -> None:
        self._database = database
        self._schema = schema

    def own(self, table: str) -> str:
        """Return one of our tables as SQL."""
        return qualified(self._schema, table)

    def make_own_tables(self) -> None:
        """Make those that are missing; where all stand, no right to make one is needed."""
        run = self._database.run
        found = run(
            "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = $1",
            (self._schema,),
        ).fetchall()
        missing = _COLUMNS.keys() - {name for (name,) in found}
        if missing and not found:
            exists = run("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", (self._schema,))
            if not exists.rowcount:
                run(f"CREATE SCHEMA {quoted_name(self._schema)}")
        for table in sorted(missing):
            run(f"CREATE TABLE {self.own(table)} ({_COLUMNS[table]})")

    def run(self, statement: str, values: Sequence[str | int] = ()) -> Answer:
        """Run a statement on them."""
        return self._database.run(_numbered(statement), values)

    def run_many(self, statement: str, rows: Sequence[Sequence[str | int]]) -> None:
        """Run a statement once for each row of values."""
        self._database.run_many(_numbered(statement), rows)

    def remove_rows_of(self, numbers: Sequence[int]) -> None:
        """Delete the rows of some attempts, in whatever table they are."""
        for place in places_with_column(self._database, SYNC):
            self._database.run(
                f"DELETE FROM {place.sql} WHERE {quoted(SYNC)} = ANY ($1::int8[])",  # noqa: S608  # quoted
                (list(numbers),),
            )


def _numbered(statement: str) -> str:
    """Return a statement whose values are `$1` and so on; it holds no other question mark."""
    first, *rest = statement.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
