"""Names in SQL: always quoted, never shortened by the server."""

from __future__ import annotations

from rivven_connect._errors import ConnectorError
from rivven_connect._problems import escape_text

LONGEST_NAME_BYTES = 63
"""PostgreSQL cuts a longer name off and only notices it (NAMEDATALEN - 1)."""


def quoted(name: str) -> str:
    """Return a name as SQL has it (PostgreSQL, "Identifiers and Key Words").

    Raises:
        ConnectorError: PostgreSQL cannot have an object of that name.
    """
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        length = 0
    if not 0 < length <= LONGEST_NAME_BYTES or "\0" in name:
        raise ConnectorError.configuration(
            f"{escape_text(name, limit=100)!r} cannot be a name in PostgreSQL: it must have 1 to "
            f"{LONGEST_NAME_BYTES} bytes of UTF-8, none of them zero"
        )
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """Return `"schema"."name"`.

    Raises:
        ConnectorError: PostgreSQL cannot have an object of one of the names.
    """
    return f"{quoted(schema)}.{quoted(name)}"
