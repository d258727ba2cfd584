"""What an HTTP status means for a connector.

| status                     | error                                                            |
|----------------------------|------------------------------------------------------------------|
| 408, 429, 423, 425, 5xx    | retryable, with the wait that the answer asks for                |
| 401, 407 / 402, 403, 451   | auth / permission: stop                                          |
| 404, 410                   | not found: stop                                                  |
| 400, 409, 413, 422, other  | data: the record is wrong                                        |
| 3xx, 405, 406, 411, 414 .. | configuration: stop                                              |
"""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Callable, Mapping

from rivven_connect._errors import ConnectorError, ErrorKind, RetryableError

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_LONGEST_WAIT_S = 10.0**9
"""More than any limit of a retry config; keeps what follows finite."""

_RETRYABLE = {
    408: ErrorKind.TIMEOUT,
    423: ErrorKind.TRANSIENT,
    425: ErrorKind.TRANSIENT,
    429: ErrorKind.RATE_LIMITED,
}
_FATAL: Mapping[int, Callable[[str], ConnectorError]] = {
    401: ConnectorError.auth,
    402: ConnectorError.permission,
    403: ConnectorError.permission,
    404: ConnectorError.not_found,
    407: ConnectorError.auth,
    410: ConnectorError.not_found,
    451: ConnectorError.permission,
}
_SETTINGS = frozenset({405, 406, 411, 414, 415, 416, 417, 421, 426, 428, 431})
"""Every request of this kind would be refused: no record is at fault."""


def status_error(status: int, headers: Mapping[str, str], message: str) -> ConnectorError:
    """Return the error of an answer that is not a success."""
    if status in _RETRYABLE or status >= 500:
        kind = _RETRYABLE.get(status, ErrorKind.TRANSIENT)
        wait = retry_after_seconds(headers.get("Retry-After"), headers.get("Date"))
        return RetryableError(message, kind=kind, retry_after=wait)
    if status in _SETTINGS or status < 400:
        return ConnectorError.configuration(message)
    return _FATAL.get(status, ConnectorError.data)(message)


def retry_after_seconds(value: str | None, date: str | None = None) -> float | None:
    """Return how many seconds `Retry-After` asks to wait (RFC 9110, 10.2.3); None if it says nothing.

    A date counts from the answer's own `Date`, so that clocks which differ do no harm, else from
    now. A past date, a negative number and whatever is neither number nor date say nothing.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        digits = text.partition(".")[0].lstrip("0")
        return min(float(text), _LONGEST_WAIT_S) if len(digits) < 20 else _LONGEST_WAIT_S
    until = _moment(text)
    if until is None:
        return None
    since = _moment((date or "").strip()) or datetime.datetime.now(datetime.UTC)
    wait = (until - since).total_seconds()
    return min(wait, _LONGEST_WAIT_S) if wait > 0 else None


def _moment(text: str) -> datetime.datetime | None:
    """Return an HTTP date in any of its three forms (RFC 9110, 5.6.7)."""
    if not text or not text[0].isalpha():
        return None
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
