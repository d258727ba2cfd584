"""What M17 demands beside the rest of the contract: each is broken once on purpose, and found."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from contract_kit import (
    LATER,
    SECRET,
    Feed,
    Shelf,
    failures,
    outcomes,
    sink_contract,
    source_contract,
)

from rivven_connect._catalog import Catalog, ConfiguredCatalog
from rivven_connect._checks import CheckResult
from rivven_connect._events import SourceEvent
from rivven_connect._secret import Secret
from rivven_connect._sink import WriteResult
from rivven_connect._state import State
from rivven_connect.config import Field
from rivven_connect.testing import MockConfig
from rivven_connect.testing._side_effects import watched

CHECK = "test_check_gives_the_same_verdict_twice"
TOKEN = "canary-9f3a61"


class TokenConfig(MockConfig):
    """A config with secrets at every depth."""

    token: Secret = Secret(TOKEN)
    headers: dict[str, Secret] = Field(default={"x": Secret("canary-of-a-header")})
    short: Secret = Secret("a")


def secret_failures(contract: Any) -> str:
    return outcomes(contract, TokenConfig())[SECRET]


class Holds(Feed):
    """Ends its readings well only where nobody cancels them."""

    is_held = False

    async def read(
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Any]:
        if type(self).is_held:
            return
        type(self).is_held = True
        async for item in super().read(config, catalog, state):
            yield item
            await asyncio.sleep(0)
        type(self).is_held = False


def test_a_reading_that_holds_what_it_was_cancelled_with_is_found() -> None:
    test = getattr(source_contract(Holds), LATER)
    with pytest.raises(AssertionError, match="after a cancelled reading, resuming loses"):
        test(MockConfig())


def test_a_file_that_check_writes_is_found(tmp_path: Path) -> None:
    def in_a_thread(path: Path) -> None:
        path.write_text("x")

    deeds: dict[str, Callable[[Path], Any]] = {
        "writes": in_a_thread,
        "os.mkdir": Path.mkdir,
        "makes the database": lambda path: sqlite3.connect(path).close(),
        "os.rename": (tmp_path / "there").rename,
    }
    for number, (says, deed) in enumerate(deeds.items()):
        (tmp_path / "there").touch()

        class Touches(Feed):
            path = tmp_path / f"made-{number}"
            does = staticmethod(deed)

            async def check(self, config: MockConfig) -> CheckResult:
                if not self.path.exists():
                    await asyncio.to_thread(self.does, self.path)
                return await super().check(config)

        found = failures(source_contract(Touches))
        assert says in found[CHECK], says
        assert str(Touches.path) in found[CHECK] or "there" in found[CHECK]


def test_what_changes_nothing_is_no_side_effect(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    sqlite3.connect(path).close()
    with watched() as changes:
        path.read_bytes()
        sqlite3.connect(f"file:{path}?mode=ro", uri=True).close()
        sqlite3.connect(":memory:").close()
        list(tmp_path.iterdir())
        with tempfile.TemporaryFile(), tempfile.NamedTemporaryFile(dir=tmp_path) as file:
            file.write(b"gone when this ends")
    assert changes == []
    path.unlink()
    assert changes == [], "what comes later is nobody's concern"


class SaysInCheck(Feed):
    async def check(self, config: Any) -> CheckResult:
        return CheckResult.builder().check_failed("auth", f"{TOKEN} is refused").build()


class SaysInLog(Feed):
    async def discover(self, config: Any) -> Catalog:
        logging.getLogger("planted").debug("asking with %s", config.headers["x"].reveal())
        return await super().discover(config)


class SaysInPosition(Feed):
    async def read(
        self, config: Any, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Any]:
        async for item in super().read(config, catalog, state):
            assert isinstance(item, SourceEvent)
            item.position = {"url": f"https://x/?key={TOKEN}"}
            yield item


class SaysInState(Feed):
    async def read(
        self, config: Any, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Any]:
        async for item in super().read(config, catalog, state):
            assert isinstance(item, SourceEvent)
            if item.state is not None:
                item.state = {**item.state, "token": TOKEN}
            yield item


class SaysInError(Feed):
    async def open(self, config: Any) -> None:
        raise ValueError(f"bad token {TOKEN}")


@pytest.mark.parametrize(
    ("source", "where"),
    [
        (SaysInCheck, "the result of check()"),
        (SaysInLog, "the log of planted"),
        (SaysInPosition, "an event's envelope"),
        (SaysInState, "a state"),
        (SaysInError, "an error"),
    ],
)
def test_a_secret_that_a_source_shows_is_found(source: type[Feed], where: str) -> None:
    found = secret_failures(source_contract(source))
    assert f"a secret of the config stands in {where}" in found
    assert TOKEN not in found
    assert "canary-of-a-header" not in found


class SinkSays(Shelf):
    async def write_batch(self, config: Any, events: Sequence[SourceEvent]) -> WriteResult:
        result = WriteResult()
        for event in events:
            result.add_failed_event(event, f"refused with {TOKEN}")
        return result


def test_a_secret_that_a_sink_shows_is_found() -> None:
    found = secret_failures(sink_contract(SinkSays))
    assert "the reason of a failure" in found


def test_who_shows_nothing_passes_with_secrets() -> None:
    assert secret_failures(source_contract(Feed)) == "passed"
    assert secret_failures(sink_contract(Shelf)) == "passed"
