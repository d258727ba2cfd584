"""From any exception to one of ours: the one table of what the runner does about it.

| error                                        | action                                   |
|----------------------------------------------|------------------------------------------|
| connection, timeout, rate limit, transient   | retry with backoff, then stop (exit 3)   |
| data, schema, serialization                  | dead letter, else stop (exit 3)          |
| config, auth, permission, state, fatal, ...  | stop (exit 3)                            |
| the state store, a full disk                 | stop (exit 4)                            |
| anything else that a connector raises        | stop (exit 3)                            |
"""

from __future__ import annotations

import errno

from rivven_connect._errors import ConnectorError, RivvenError, StateStoreError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def classify(error: Exception) -> RivvenError:
    """Return the error as one of ours; the standard library's network errors are retryable."""
    if isinstance(error, RivvenError):
        return error
    if isinstance(error, TimeoutError):
        found: RivvenError = ConnectorError.timeout(_text(error))
    elif isinstance(error, ConnectionError) and not isinstance(error, BrokenPipeError):
        found = ConnectorError.connection(_text(error))
    elif isinstance(error, OSError) and error.errno in _FULL:
        found = StateStoreError(f"the disk is full: {_text(error)}")
    elif isinstance(error, OSError):
        found = ConnectorError.io(_file_text(error))
    else:
        found = ConnectorError.internal(_text(error))
    found.__cause__ = error
    return found


def _file_text(error: OSError) -> str:
    """Return which file and why, where the error says both."""
    is_told = isinstance(error.filename, str) and error.strerror
    return f"{error.filename}: {error.strerror}" if is_told else _text(error)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
