"""A server that goes away in the middle of things, and answers that are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from postgres_warehouse import PostgresWarehouse
from warehouse import BARE, KEYED, event, records, stream

from rivven_connect import ConnectorError, RetryableError
from rivven_connect.connectors.postgres_sink.database import Database
from services.postgres import PostgresServer, StopMode, postgres_server


@pytest.fixture(scope="module")
def fragile() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def _through(cut: Cut) -> Callable[..., Any]:
    def run(database: Database, statement: str, values: Any = ()) -> Any:
        return cut.run(database, statement, values)

    return run


class Cut:
    """Ends the sink's connection at one statement: before the server has it, or after it was done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: str, *, done: bool) -> None:
        self._at = at
        self._done = done
        self.hits = 0
        self._run = Database.run
        monkeypatch.setattr(Database, "run", _through(self))

    def run(self, database: Database, statement: str, values: Any = ()) -> Any:
        if statement.startswith(self._at) and not self.hits:
            self.hits += 1
            (own,) = self._run(database, "SELECT pg_backend_pid()").fetchone() or ()
            if self._done:
                self._run(database, statement, values)
            with psycopg.connect(database._settings.connection_string.reveal()) as other:  # type: ignore[union-attr]  # the test's own config
                other.execute("SELECT pg_terminate_backend(%s, 10000)", [own])
            statement, values = "SELECT 1", ()  # the answer that never comes
        return self._run(database, statement, values)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", ["BEGIN", "SAVEPOINT", 'INSERT INTO "public"."s"', "COMMIT"])
@pytest.mark.parametrize("mode", ["append", "natural key", "our key"])
async def test_f9_a_connection_that_ends_anywhere_neither_loses_nor_doubles(
    opened: Callable[..., PostgresWarehouse],
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    at: str,
    done: bool,
) -> None:
    lake = opened()
    target = {"append": stream(), "natural key": KEYED, "our key": BARE}[mode]
    await lake.checkpoint()
    await lake.prepare(target)
    await lake.commit(event({"id": 0}, position=0), changed={"s": {"at": 0}}, epoch=1)
    at = "SET CONSTRAINTS" if mode == "append" and at.startswith("INSERT") else at
    cut = Cut(monkeypatch, at, done=done)
    batch = [event({"id": n}, position=n) for n in (1, 2)]
    with pytest.raises(ConnectorError, match="writing") as caught:
        await lake.commit(*batch, changed={"s": {"at": 2}}, epoch=2)
    assert caught.value.retryable
    assert cut.hits == 1
    result = await lake.commit(*batch, changed={"s": {"at": 2}}, epoch=2)
    assert (result.records_written, result.errors) == (2, [])
    await lake.commit(event({"id": 3}, position=3), changed={"s": {"at": 3}}, epoch=3)
    assert sorted(lake.rows("id")) == [0, 1, 2, 3]
    assert await lake.checkpoint() == {"s": {"at": 3}}


async def test_a_commit_of_an_earlier_run_is_not_taken_for_ours(
    opened: Callable[..., PostgresWarehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = opened()
    await old.commit(*records(1), changed={"s": {"at": 1}}, epoch=7)
    new = opened()
    await new.checkpoint()
    Cut(monkeypatch, "COMMIT", done=False)
    with pytest.raises(ConnectorError, match="writing"):
        await new.commit(*records(2), changed={"s": {"at": 2}}, epoch=7)
    await new.commit(*records(2), changed={"s": {"at": 2}}, epoch=7)
    assert new.rows("id") == [1, 2]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_server_that_restarts_in_the_middle_of_writes_loses_nothing(
    fragile: PostgresServer, mode: StopMode
) -> None:
    with fragile.database(f"restarted_{mode}") as dsn:
        lake = PostgresWarehouse(dsn)
        await lake.checkpoint()
        await lake.prepare(KEYED, stream("log"))
        under_way = asyncio.Event()
        failures = 0

        async def restart() -> None:
            await under_way.wait()
            for _ in range(2):
                await asyncio.to_thread(fragile.restart, mode)

        async def write(n: int) -> None:
            nonlocal failures
            rows = [*records(n, n + 1), *records(n, to="log")]
            while True:
                try:
                    result = await lake.commit(*rows, changed={"s": {"at": n}}, epoch=n)
                except RetryableError:
                    failures += 1
                    await asyncio.sleep(0.02)
                else:
                    assert result.errors == []
                    return

        restarting = asyncio.create_task(restart())
        try:
            n = 0
            while not restarting.done():
                await write(n)
                n += 1
                under_way.set()
            await restarting
            await write(n)
            assert failures
            assert sorted(lake.rows("id")) == list(range(n + 2))
            assert sorted(lake.rows("id", "log")) == list(range(n + 1))
            assert await lake.checkpoint() == {"s": {"at": n}}
        finally:
            await lake.sink.close()


async def test_a_server_that_is_away_is_worth_another_try(fragile: PostgresServer) -> None:
    with fragile.database("away") as dsn:
        lake = PostgresWarehouse(dsn)
        await lake.write(*records(1))
        fragile.stop()
        try:
            with pytest.raises(ConnectorError, match=r"connecting|writing") as caught:
                await lake.write(*records(2))
            assert caught.value.retryable
        finally:
            fragile.start()
        await lake.write(*records(2))
        assert lake.rows("id") == [1, 2]
        await lake.sink.close()


async def test_a_writer_that_is_stopped_in_a_transaction_gives_way_in_the_end(
    opened: Callable[..., PostgresWarehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that takes over waits for the lock, and says what it waits for."""
    old, new = opened(), opened()
    await old.checkpoint()
    with psycopg.connect(old.dsn) as holder:
        holder.execute("SELECT 1 FROM _rivven_writers FOR UPDATE")
        monkeypatch.setattr("rivven_connect.connectors.postgres_sink.database.LOCK_TIMEOUT_MS", 50)
        with pytest.raises(ConnectorError, match="lock timeout") as caught:
            await new.checkpoint()
        assert caught.value.retryable
    await new.checkpoint()
    with pytest.raises(ConnectorError, match="another process now writes"):
        await old.commit(*records(1), changed={"s": {"at": 1}})
