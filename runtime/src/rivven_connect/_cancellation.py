"""Tells a cancellation that somebody asked for from one that comes out of a connector by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from rivven_connect._errors import ConnectorError


@contextlib.contextmanager
def connector_call(what: str) -> Iterator[None]:
    """Turn a `CancelledError` that nobody asked for into an error.

    A library may cancel a task of its own and let the exception out. Taken for ours, it would look
    like the end of the work.

    Raises:
        ConnectorError: the code inside was cancelled, and the current task was not.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ConnectorError.internal(
            f"{what} ended with a cancellation that nobody had asked for"
        ) from error
