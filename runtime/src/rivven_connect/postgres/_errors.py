"""What a failure of psycopg or of the server means; nothing else in the project maps them.

SQLSTATE: PostgreSQL's appendix "Error Codes". A failure to connect has none, only a text; it is
read as English, and as a connection failure, which is tried again, where it is another language.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rivven_connect._errors import ConnectorError
from rivven_connect._problems import escape_text
from rivven_connect._redaction import redact

if TYPE_CHECKING:
    import psycopg

_Make = Callable[[str], ConnectorError]

_LONGEST_MESSAGE = 1_000

_BY_STATE: tuple[tuple[str, _Make], ...] = (
    ("08", ConnectorError.connection),
    ("57P", ConnectorError.connection),  # the server shuts down, crashed, or cannot connect now
    ("57014", ConnectorError.timeout),  # cancelled, mostly by statement_timeout
    ("53300", ConnectorError.connection),  # too many connections
    ("53", ConnectorError.transient),  # disk full, out of memory
    ("25006", ConnectorError.configuration),  # read-only transaction: a standby, or a failover
    ("25P03", ConnectorError.connection),  # idle_in_transaction_session_timeout ended the session
    ("25P04", ConnectorError.connection),  # transaction_timeout did
    ("40", ConnectorError.transient),  # deadlock, serialization failure
    ("55006", ConnectorError.transient),  # object in use: a slot that an ended session still has
    ("55P03", ConnectorError.transient),  # lock_timeout
    ("55", ConnectorError.configuration),
    ("28", ConnectorError.auth),
    ("42501", ConnectorError.permission),
    ("42P01", ConnectorError.not_found),
    ("42704", ConnectorError.not_found),
    ("3D", ConnectorError.not_found),
    ("3F", ConnectorError.not_found),
    ("22", ConnectorError.data),
    ("23", ConnectorError.data),
    ("44", ConnectorError.data),  # WITH CHECK OPTION
    ("54", ConnectorError.data),  # too large for a row, an index or the server
    ("P0001", ConnectorError.data),  # RAISE, mostly in a trigger that refuses a row
    ("42", ConnectorError.configuration),
    ("0L", ConnectorError.permission),
    ("0P", ConnectorError.permission),
    ("26", ConnectorError.configuration),  # a pooler gave the session to somebody else
    ("72", ConnectorError.transient),  # snapshot too old
    ("0A", ConnectorError.configuration),  # not supported by this server
    ("58P01", ConnectorError.configuration),  # a file, mostly an extension's, is missing
    ("58", ConnectorError.transient),  # the server's own disk failed
    ("XX", ConnectorError.transient),
)
"""The first prefix that fits decides."""

_BY_TEXT: tuple[tuple[re.Pattern[str], _Make], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), make)
    for pattern, make in (
        (r"too many (clients|connections)|remaining connection slots", ConnectorError.connection),
        (r"database .* does not exist", ConnectorError.not_found),
        (r"permission denied for database", ConnectorError.permission),
        (
            (
                r"authentication failed|no password supplied|no pg_hba\.conf entry"
                r"|pg_hba\.conf rejects|role .* (does not exist|is not permitted)"
                r"|must be superuser or replication role|permission denied to start WAL sender"
                r"|not permitted to log in"
            ),
            ConnectorError.auth,
        ),
        (
            (
                r"certificate|private key|does not support SSL|sslmode|unsupported startup parameter"
                r"|invalid (port|connection option|integer value)"
            ),
            ConnectorError.configuration,
        ),
        (r"timeout expired|timed out", ConnectorError.timeout),
    )
)


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what psycopg raises in the block into a `ConnectorError` whose message begins with `doing`.

    Raises:
        ConnectorError: of the kind that tells the engine what to do.
    """
    try:
        yield
    except ConnectorError:
        raise
    except Exception as error:
        found = connector_error(error, doing)
        if found is None:
            raise
        # The driver's own message and traceback may hold what was sent.
        raise found from None


def connector_error(error: BaseException, doing: str) -> ConnectorError | None:
    """Return what an exception of psycopg means, or None if it is none of psycopg's."""
    import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

    if not isinstance(error, psycopg.Error):
        return None
    return _kind(error)(redact(f"{doing}: {_text(error)}"))


def _kind(error: psycopg.Error) -> _Make:
    import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

    if error.sqlstate:
        for prefix, make in _BY_STATE:
            if error.sqlstate.startswith(prefix):
                return make
        return ConnectorError.transient if error.sqlstate[0] in "5X" else ConnectorError.internal
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return ConnectorError.timeout
    if isinstance(error, psycopg.OperationalError):
        text = str(error)
        return next(
            (make for pattern, make in _BY_TEXT if pattern.search(text)), ConnectorError.connection
        )
    if isinstance(error, psycopg.DataError):
        return ConnectorError.data
    return ConnectorError.internal


def _text(error: psycopg.Error) -> str:
    """Return what the server says, on one line; not the detail that quotes the values of a row."""
    diagnosis = error.diag
    if not error.sqlstate or not diagnosis.message_primary:
        # libpq says it in several lines: one per address that it tried, and hints.
        text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
        text = text.removeprefix("connection failed: ")
        return escape_text(text, limit=_LONGEST_MESSAGE)
    parts = [diagnosis.message_primary]
    if diagnosis.message_detail and error.sqlstate[:2] not in ("22", "23"):
        parts.append(diagnosis.message_detail)
    if diagnosis.message_hint:
        parts.append(diagnosis.message_hint)
    text = "; ".join(part.strip().rstrip(".") for part in parts)
    return escape_text(f"{text} ({error.sqlstate})", limit=_LONGEST_MESSAGE)
