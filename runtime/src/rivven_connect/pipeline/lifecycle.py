"""Opening and closing of connectors in a run: `close` always runs, once."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from rivven_connect._cancellation import connector_call
from rivven_connect._connector import Connector
from rivven_connect._redaction import redact
from rivven_connect.pipeline.failures import stop_error

_log = logging.getLogger("rivven_connect.pipeline")

C = TypeVar("C", bound=Connector[Any])


@contextlib.asynccontextmanager
async def open_connector(connector: C, config: Any, where: str) -> AsyncIterator[C]:
    """Open a connector and close it, also when `open` fails half-way.

    Raises:
        PipelineError: it cannot be closed. After another failure that is only logged: what went
            wrong first is what a person must see.
    """
    try:
        with connector_call("open"):
            await connector.open(config)
        yield connector
    except BaseException:
        try:
            await connector.close()
        except Exception as error:  # noqa: BLE001  # the first failure is on its way
            _log.warning("%s cannot be closed: %s", where, redact(str(error)))
        raise
    try:
        await connector.close()
    except Exception as error:
        raise stop_error(f"{where} cannot be closed", error) from error
