"""What became of each record, where some requests of a write fail and others do not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from http_kit import Answer, Request, reset, respond, serve

from rivven_connect import FatalError, RetryableError, SourceEvent, WriteResult

from .webhook_kit import KEYED, event, ids, opened, sent, write, write_rows


def answering(choose: Callable[[set[int]], Answer]) -> Answer:
    """Answer by the ids that a request holds."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await choose({row["id"] for row in sent(request)})(request, writer)

    return answer


def picky(*refused: int, status: int = 422) -> Answer:
    """Refuse requests that hold one of these."""
    return answering(lambda found: respond(status if found & set(refused) else 200, b"bad id"))


def failed(result: WriteResult) -> dict[int, bool]:
    """Return the places or ids that failed, and whether they may pass."""
    by_place = {one.place: one.retryable for one in result.failed_records}
    return by_place | {one.event.data["id"]: one.retryable for one in result.failed_events}


@pytest.mark.parametrize("status", [400, 409, 413, 422])
@pytest.mark.parametrize("whole", [True, False], ids=["batches", "events"])
@pytest.mark.parametrize("refused", [{0}, {7}, {3, 4}, {0, 5, 9}, set(range(10))], ids=str)
async def test_of_a_refused_request_only_the_guilty_records_fail(
    status: int, whole: bool, refused: set[int]
) -> None:
    rows = [{"id": number} for number in range(10)]
    with serve(picky(*refused, status=status)) as server:
        if whole:
            result = await write_rows(server, rows)
        else:
            result = await write(server, [event(n) for n in range(10)], include_metadata=False)
    assert failed(result) == dict.fromkeys(refused, False)
    assert all(one.startswith(f"HTTP {status} from POST ") for one in result.errors)
    assert result.records_written == 10 - len(refused)
    taken = Counter(n for request in ids(server) if not set(request) & refused for n in request)
    assert taken == Counter(set(range(10)) - refused), "each of the others arrives once"


async def test_one_guilty_record_of_many_is_found_by_halves() -> None:
    with serve(picky(612)) as server:
        result = await write_rows(server, [{"id": n} for n in range(1000)], batch_size=1000)
    assert failed(result) == {612: False}
    assert len(server.requests) <= 21


async def test_too_large_a_request_is_sent_in_smaller_ones() -> None:
    with serve(answering(lambda found: respond(413 if len(found) > 3 else 200))) as server:
        result = await write_rows(server, [{"id": n} for n in range(20)])
    assert (result.records_written, result.failed_records) == (20, [])


@pytest.mark.parametrize("whole", [True, False], ids=["batches", "events"])
async def test_what_may_pass_is_named_and_what_arrived_is_not_sent_again(whole: bool) -> None:
    """Four requests at once; one is answered with a wait, one with a refusal."""
    chosen: dict[int, Answer] = {1: respond(503, Retry_After="7"), 2: respond(422)}

    def choose(found: set[int]) -> Answer:
        return chosen.get(min(found), respond())

    with serve(answering(choose)) as server:
        rows = [{"id": number} for number in range(4)]
        if whole:
            result = await write_rows(server, rows, batch_size=1)
        else:
            events = [SourceEvent.record("orders", row) for row in rows]
            result = await write(server, events, batch_size=1, include_metadata=False)
    assert failed(result) == {1: True, 2: False}
    waits = [one.retry_after for one in result.failed_records]
    waits += [one.retry_after for one in result.failed_events]
    assert waits == [7.0, None]
    assert sorted(n for row in ids(server) for n in row) == [0, 1, 2, 3]
    assert result.records_written == 2


async def test_behind_what_failed_nothing_of_the_same_key_is_sent() -> None:
    def choose(found: set[int]) -> Answer:
        return respond(500 if 1 in found else 200)

    rows = [{"id": 1, "v": 0}, {"id": 2, "v": 1}, {"id": 1, "v": 2}, {"id": 3, "v": 3}]
    with serve(answering(choose)) as server:
        result = await write_rows(server, rows, batch_size=1, catalog=KEYED)
    assert 2 not in {row["v"] for request in server.requests for row in sent(request)}
    assert {0, 2, 3} <= failed(result).keys()


async def test_one_at_a_time_nothing_is_sent_behind_what_failed() -> None:
    with serve(respond(), reset, respond()) as server:
        result = await write_rows(
            server, [{"id": n} for n in range(5)], batch_size=1, max_concurrency=1
        )
    assert ids(server) == [[0], [1]]
    assert failed(result) == dict.fromkeys(range(1, 5), True)
    assert result.records_written == 1


async def test_in_halves_nothing_is_sent_behind_what_failed() -> None:
    """The second request is refused, and of its halves the first fails in a way that may pass."""
    with serve(respond(), respond(422), respond(500), respond()) as server:
        result = await write_rows(
            server, [{"id": n} for n in range(6)], batch_size=2, max_concurrency=1
        )
    assert ids(server) == [[0, 1], [2, 3], [2]]
    assert failed(result) == dict.fromkeys(range(2, 6), True)


async def test_where_nothing_arrived_the_write_failed_with_the_longest_wait() -> None:
    def choose(found: set[int]) -> Answer:
        return respond(429, Retry_After=str(5 + min(found)))

    with serve(answering(choose)) as server, pytest.raises(RetryableError) as raised:
        await write_rows(server, [{"id": n} for n in range(4)], batch_size=1)
    asked = {5 + n for row in ids(server) for n in row}
    assert raised.value.retry_after == max(asked)


@pytest.mark.parametrize("status", [401, 403, 404, 307])
async def test_what_stops_the_pipeline_stops_the_write(status: int) -> None:
    """Requests that are under way come to their end; no further one is begun."""

    def choose(found: set[int]) -> Answer:
        return respond(status if 1 in found else 200)

    with serve(answering(choose)) as server, pytest.raises(FatalError, match=f"HTTP {status}"):
        await write_rows(server, [{"id": n} for n in range(40)], batch_size=1, max_concurrency=2)
    assert len(server.requests) < 40


async def test_a_cancelled_write_leaves_no_request_behind() -> None:
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def never(_: Request, __: Any) -> None:
        loop.call_soon_threadsafe(started.set)
        await asyncio.Event().wait()

    with serve(never) as server:
        async with opened(server, include_metadata=False, batch_size=1) as (sink, config):
            before = asyncio.all_tasks()
            task = asyncio.create_task(sink.write_batch(config, [event(n) for n in range(4)]))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == before


async def test_places_count_over_all_batches_and_skip_nothing() -> None:
    bad = object()
    rows: list[list[Any]] = [[{"id": 0}], [{"id": 1}, {"id": bad}], [{"id": 3}, {"id": 4}]]
    with serve(picky(3)) as server:
        result = await write_rows(server, *rows, idempotency_header="X-Key")
    assert failed(result) == {2: False, 3: False}
    assert result.records_written == 3
    assert "cannot be written as JSON" in result.errors[0]


async def test_a_207_is_a_success_whatever_its_body_says() -> None:
    with serve(respond(207, b'[{"status": 422}]')) as server:
        result = await write(server, [event(1)])
    assert (result.records_written, result.failed_events) == (1, [])
