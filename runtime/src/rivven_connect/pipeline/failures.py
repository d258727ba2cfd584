"""From any exception to what the engine does about it: the one table.

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

from rivven_connect._errors import (
    ConnectorError,
    ExitCode,
    InputError,
    PipelineError,
    RivvenError,
    StateStoreError,
)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DrainDeadlinePassed(PipelineError):
    """The pipeline did not come to rest in time; what was committed is valid."""

    exit_code = ExitCode.DRAIN_DEADLINE


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
        found = ConnectorError.io(_text(error))
    else:
        found = ConnectorError.internal(_text(error))
    found.__cause__ = error
    return found


def stop_error(where: str, error: Exception, hint: str = "") -> RivvenError:
    """Return what ends the pipeline: says where; keeps the exit code of the state store and input.

    `hint` stands behind the reason.
    """
    found = classify(error)
    if isinstance(found, StateStoreError) and found is not error:
        full = StateStoreError(f"{where}: {found}")
        full.__cause__ = error
        return full
    if isinstance(found, PipelineError | InputError):
        return found
    stopped = PipelineError(f"{where}: {found}{hint}")
    stopped.__cause__ = error
    return stopped


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
