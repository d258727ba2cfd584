"""Which errors of the server are a record's own, and which say that a table is no longer what it was."""

from __future__ import annotations

import re

from rivven_connect._problems import escape_text
from rivven_connect._redaction import redact

_OF_RECORD = (
    "21000",  # two keys that are the same to PostgreSQL; one by one they are fine
    "22",
    "23",
    "44",  # what a view does not let through
    "54000",  # too large for an index
    "P0",  # a trigger's own
)
_SYNTAX = "42601"
"""Of a statement, and of a value whose type has a syntax, such as `tsquery`."""
_OF_TABLE = (
    "3F000",
    "42701",
    "42703",
    "42804",
    "42846",
    "42P01",
    "42P06",
    "42P07",
    "42P10",
)
"""A column, table, schema or index came, went or changed; PostgreSQL, "Error Codes"."""

_VALUE = re.compile('".*"', re.DOTALL)


class RefusedByServer(Exception):
    """A record that the server does not take; the text says why, without the record's values."""


class TableChanged(Exception):
    """A table lacks what it had."""


def refusal(error: Exception) -> RefusedByServer | None:
    """Return an error as what a record is guilty of, None where it says something else."""
    import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

    if not isinstance(error, psycopg.Error) or _is_of_catalog(error):
        return None
    state = error.sqlstate
    if state is None:
        is_guilty = isinstance(error, psycopg.DataError)
        return RefusedByServer("a value has no form in PostgreSQL") if is_guilty else None
    # Only the server's parser of statements says where in the statement it is.
    is_value_s = state == _SYNTAX and error.diag.statement_position is None
    if not state.startswith(_OF_RECORD) and not is_value_s:
        return None
    text = error.diag.message_primary or "refused by the server"
    # These messages quote the value, those of the others names.
    if is_value_s or state.startswith("22"):
        text = _VALUE.sub('"..."', text)
    return RefusedByServer(escape_text(redact(f"{text} ({state})"), limit=500))


def is_stale(error: Exception) -> bool:
    """Whether somebody else has changed a table meanwhile, so that it is worth another look."""
    import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

    if isinstance(error, psycopg.Error):
        return error.sqlstate in _OF_TABLE or _is_of_catalog(error)
    return isinstance(error, TableChanged)


def _is_of_catalog(error: Exception) -> bool:
    """Whether two sessions made one thing at once: then a unique index of the catalog says it."""
    diagnosis = getattr(error, "diag", None)
    return (
        getattr(error, "sqlstate", None) == "23505"
        and getattr(diagnosis, "schema_name", None) == "pg_catalog"
    )
