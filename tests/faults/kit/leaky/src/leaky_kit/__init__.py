"""A source that says its token, and one that it got meanwhile, wherever it can."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from rivven_connect import (
    Catalog,
    CheckResult,
    ConfiguredCatalog,
    ConnectorError,
    ConnectorSpec,
    EventBatch,
    EventMetadata,
    Item,
    Metrics,
    Poison,
    Secret,
    Source,
    SourceEvent,
    State,
    Stream,
    log_event,
)
from rivven_connect.config import SecretText, SourceConfig, Text
from rivven_connect.http import HttpClient, HttpLimits, bearer

_log = logging.getLogger("leaky")


class LeakyConfig(SourceConfig):
    """How it fails."""

    token: Annotated[Secret, SecretText(min_length=8)]
    how: Text = ""
    url: Text = "http://127.0.0.1:9/"


class _Dies:
    """Fails where nobody can catch it."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __del__(self) -> None:
        raise ValueError(f"destructor {self.token}")

    def __str__(self) -> str:
        raise ValueError(f"str {self.token}")


def forms(token: str) -> list[str]:
    """Return a token as it turns up in messages."""
    encoded = base64.b64encode(f"me:{token}".encode()).decode()
    return [token, repr(token), repr(token.encode()), json.dumps({"t": token}), encoded]


def say(token: str) -> None:
    """Say a token on every way that leads out of the process."""
    logging.getLogger().addHandler(own := logging.FileHandler("own.log"))
    own.setFormatter(logging.Formatter("%(message)s %(args)s %(exc_info)s %(stack_info)s"))
    nothing: dict[str, str] = {}
    try:
        nothing[token]
    except KeyError:
        _log.exception("log %s", forms(token), stack_info=True)
    _log.error("%s", "extra", extra={"fields": {"token": forms(token), token: 1}})
    _log.error("%d", token)
    _log.error("%s", _Dies(token))
    logging.getLogger(f"leaky.{token}").error("a name")
    for form in forms(token):
        warnings.warn(f"warning {form}", stacklevel=1)

    def thread() -> None:
        raise ValueError(f"thread {token}")

    started = threading.Thread(target=thread, name=f"thread-{token}")
    started.start()
    started.join()
    loop = asyncio.get_running_loop()
    loop.call_soon(thread)
    loop.call_exception_handler({"message": f"loop {token}", "token": token})
    Metrics().counter("tries", labels={"token": token, token: "x"})
    logging.getLogger().removeHandler(own)
    own.close()


class Leaky(Source[LeakyConfig]):
    """Says its token."""

    config_type = LeakyConfig

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(
            connector_type="leaky", version="1.0.0", config_schema=LeakyConfig.config_schema()
        )

    async def open(self, config: LeakyConfig) -> None:
        self._token = config.token.reveal()
        # As an access token that is got with the configured one.
        self._fresh = Secret(self._token[::-1])
        say(self._token)
        say(self._fresh.reveal())

    async def close(self) -> None:
        if hasattr(self, "_token") and self._how == "crash":
            raise ValueError(f"close {self._token}")

    _how = ""

    async def check(self, config: LeakyConfig) -> CheckResult:
        await self._fail(config)
        return CheckResult.failure(f"odd {self._token}") if config.how else CheckResult.success()

    async def discover(self, config: LeakyConfig) -> Catalog:
        names = ["numbers"]
        if config.how == "names":
            names += [f"table {self._token}", f"table {self._fresh.reveal()}"]
        return Catalog([Stream(name=name, json_schema={"type": "object"}) for name in names])

    async def read(
        self, config: LeakyConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        self._how = config.how
        fresh = self._fresh.reveal()
        yield log_event("error", f"event {self._token} {fresh}")
        metadata = EventMetadata(transaction_id=fresh, extra={"token": self._token})
        for number in range(3):
            yield SourceEvent(stream="numbers", data={"id": number}, metadata=metadata)
        yield Poison("numbers", b"{", f"cannot parse for {self._token} and {fresh!r}", 4)
        if config.how == "state":
            yield EventBatch("numbers", [{"id": 4}], state={"cursor": fresh})
            return
        yield EventBatch("numbers", [{"id": 5}], state={"next": 6})
        if config.how == "hang":
            Path("begun").touch()  # noqa: ASYNC240  # once
            await asyncio.Event().wait()
        await self._fail(config)

    async def _fail(self, config: LeakyConfig) -> None:
        token, fresh = self._token, self._fresh.reveal()
        local: dict[str, Any] = {"token": token}
        if config.how == "auth":
            raise ConnectorError.auth(f"refused {token} then {fresh}")
        if config.how == "timeout":
            raise TimeoutError(f"waited for answer to {forms(token)}")
        if config.how == "crash":
            several = ExceptionGroup("several", [KeyError(token), ValueError(fresh)])
            several.add_note(f"note {token}")
            raise RuntimeError(f"crash {local}") from several
        if config.how == "echo":
            limits = HttpLimits(total_timeout_ms=2000)
            secret = bearer(Secret(fresh.replace("\n", "")))
            async with HttpClient(config.url, auth=secret, limits=limits) as client:
                await client.request("POST", f"?token={config.token.reveal()[:9]}", body=b"{}")
