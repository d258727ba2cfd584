# a test has its loop for itself
from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable

import pytest
from warehouse import BARE, KEYED, TableWarehouse, event, records, stream

from rivven_connect import Batch, Checkpoint, ConnectorError
from rivven_connect._batch import UnfinishedSync


async def test_rows_and_checkpoint_come_together(opened: Callable[..., TableWarehouse]) -> None:
    lake = opened()
    assert await lake.checkpoint() is None
    await lake.prepare(stream())
    await lake.commit(*records(1, 2), changed={"s": {"at": 2, "seen": [[2]]}}, epoch=1)
    await lake.commit(changed={"t": {"at": "ü"}}, epoch=2)
    await lake.commit(*records(3), changed={"s": {"at": 3}}, epoch=3)
    assert lake.rows() == [(1, None), (2, None), (3, None)]
    assert await opened().checkpoint() == {"s": {"at": 3}, "t": {"at": "ü"}}


async def test_the_first_transaction_of_a_run_holds_the_whole_checkpoint(
    opened: Callable[..., TableWarehouse],
) -> None:
    state = {"old": {"at": 9}, "s": {"at": 0}}
    await opened().commit(*records(1), state=state, changed={"s": {"at": 1}})
    assert await opened().checkpoint() == {"old": {"at": 9}, "s": {"at": 1}}


async def test_a_source_that_a_run_does_not_have_keeps_its_state(lake: TableWarehouse) -> None:
    for source in ("paused", "src"):
        states = {source: {"s": {"at": source}}}
        batch = Batch("pipe", "lake", 1, [], Checkpoint(states, states))
        await lake.sink.write_transaction(lake.config, batch)
    found = await lake.sink.committed_checkpoint(lake.config, "pipe", "lake")
    assert found is not None
    assert found.state == {source: {"s": {"at": source}} for source in ("paused", "src")}


async def test_a_stream_that_was_reset_is_gone_from_the_checkpoint(
    opened: Callable[..., TableWarehouse],
) -> None:
    await opened().commit(changed={"s": {"at": 1}, "reset": {"at": 1}})
    await opened().commit(state={"s": {"at": 1}})
    assert await opened().checkpoint() == {"s": {"at": 1}}


async def test_checkpoints_of_pipelines_and_sinks_stay_apart(lake: TableWarehouse) -> None:
    for pipeline, sink in (("a", "x"), ("a", "y"), ("b", "x"), ("a x", "")):
        states = {"src": {"s": {"who": f"{pipeline}/{sink}"}}}
        batch = Batch(pipeline, sink, 1, [], Checkpoint(states, states))
        await lake.sink.write_transaction(lake.config, batch)
    for pipeline, sink in (("a", "x"), ("a", "y"), ("b", "x"), ("a x", "")):
        found = await lake.sink.committed_checkpoint(lake.config, pipeline, sink)
        assert found is not None
        assert found.state == {"src": {"s": {"who": f"{pipeline}/{sink}"}}}
        assert found.changed == {}
    assert await lake.sink.committed_checkpoint(lake.config, "b", "y") is None


async def test_a_failure_means_that_nothing_was_committed(lake: TableWarehouse) -> None:
    await lake.prepare(stream())
    await lake.commit(*records(1), changed={"s": {"at": 1}})
    bad = event({"id": "text"})
    result = await lake.commit(*records(2), bad, *records(3), changed={"s": {"at": 3}}, epoch=2)
    assert (result.records_written, [one.event for one in result.failed_events]) == (0, [bad])
    assert lake.rows("id") == [1]
    assert await lake.checkpoint() == {"s": {"at": 1}}
    await lake.commit(*records(2, 3), changed={"s": {"at": 3}}, epoch=2)
    assert lake.rows("id") == [1, 2, 3]


async def test_no_batch_is_skipped_by_its_epoch(lake: TableWarehouse) -> None:
    for n, epoch in enumerate((5, 5, 1, 4)):
        await lake.commit(*records(n), epoch=epoch)
    assert lake.rows("id") == [0, 1, 2, 3]


async def test_a_stale_twin_writes_nothing_more(opened: Callable[..., TableWarehouse]) -> None:
    old, new = opened(), opened()
    await old.checkpoint()
    await old.commit(*records(1), changed={"s": {"at": 1}})
    await new.checkpoint()
    for _ in range(2):
        with pytest.raises(ConnectorError, match="another process now writes") as caught:
            await old.commit(*records(2), changed={"s": {"at": 2}})
        assert caught.value.fatal
    await new.commit(*records(3), changed={"s": {"at": 3}})
    assert new.rows("id") == [1, 3]
    assert await new.checkpoint() == {"s": {"at": 3}}


async def test_a_twin_that_never_wrote_is_stale_as_well(
    opened: Callable[..., TableWarehouse],
) -> None:
    old, new = opened(), opened()
    await old.checkpoint()
    await new.checkpoint()
    for _ in range(2):
        with pytest.raises(ConnectorError, match="another process now writes"):
            await old.commit(*records(2), changed={"s": {"at": 2}})
    assert await new.checkpoint() is None


async def test_a_damaged_checkpoint_is_never_taken_for_none(lake: TableWarehouse) -> None:
    await lake.commit(changed={"s": {"at": 1}})
    for text in ("", "[1]", "{"):
        lake.run(f"UPDATE _rivven_checkpoints SET state = '{text}'")
        with pytest.raises(
            ConnectorError, match=r"checkpoint of source 'src', stream 's' is damaged"
        ):
            await lake.checkpoint()


async def test_plain_writes_touch_no_checkpoint(lake: TableWarehouse) -> None:
    await lake.prepare(stream())
    await lake.write(*records(1))
    batch = Batch("", "", 0, records(2), Checkpoint({}, {}))
    await lake.sink.write_transaction(lake.config, batch)
    assert lake.rows("id") == [1, 2]
    assert lake.tables() == {"s"}


async def test_a_new_attempt_replaces_the_rows_of_an_unfinished_one(lake: TableWarehouse) -> None:
    await lake.prepare(stream(), stream("other"))
    await lake.commit(*records(0), changed={"s": {"at": 0}})
    await lake.commit(*records(1, 2), sync="s first")
    await lake.commit(*records(7, to="other"), sync="other first")
    await lake.commit(*records(3), sync="s first")
    await lake.commit(*records(1), sync="s second")
    assert (lake.rows("id"), lake.rows("id", "other")) == ([0, 1], [7])
    await lake.commit(sync="s third")
    assert (lake.rows("id"), lake.rows("id", "other")) == ([0], [7])


@pytest.mark.parametrize("key", ["s", "_state"])
async def test_a_checkpoint_makes_rows_final(lake: TableWarehouse, key: str) -> None:
    await lake.commit(*records(1, 2), sync="s first")
    await lake.commit(*records(3), changed={key: {"complete": 1}})
    await lake.commit(*records(1), sync="s second")
    await lake.commit(sync="s third")
    assert lake.rows("id") == [1, 2, 3]
    await lake.checkpoint()
    assert lake.rows("id") == [1, 2, 3]


@pytest.mark.parametrize("key", ["s/part", "other", "S"])
async def test_a_checkpoint_of_something_else_does_not(lake: TableWarehouse, key: str) -> None:
    await lake.commit(*records(1), sync="s first")
    await lake.commit(*records(2), changed={key: {"complete": 1}})
    await lake.commit(sync="s second")
    assert lake.rows("id") == [2]


async def test_a_new_run_removes_what_will_be_read_again(
    opened: Callable[..., TableWarehouse],
) -> None:
    lake = opened()
    await lake.commit(*records(1), changed={"s": {"at": 1}})
    await lake.commit(*records(2), sync="s first")
    await lake.commit(*records(3, to="routed"), sync="s first")
    batch = Batch(
        "pipe", "pond", 1, records(4), Checkpoint({}, {}), UnfinishedSync("src", "s", "x")
    )
    await lake.sink.write_transaction(lake.config, batch)
    lake = opened()
    assert await lake.checkpoint() == {"s": {"at": 1}}
    assert (lake.rows("id"), lake.rows("id", "routed")) == ([1, 4], [])


async def test_other_sources_streams_and_sinks_keep_their_unfinished_rows(
    lake: TableWarehouse,
) -> None:
    await lake.commit(*records(1), sync="s first")
    for number, sync in enumerate((("b", "s"), ("src", "t"))):
        await lake.sink.write_transaction(
            lake.config,
            Batch(
                "pipe",
                "lake",
                1,
                records(2 + number),
                Checkpoint({}, {}),
                UnfinishedSync(*sync, "x"),
            ),
        )
    batch = Batch("elsewhere", "lake", 1, [], Checkpoint({}, {}), UnfinishedSync("src", "s", "x"))
    await lake.sink.write_transaction(lake.config, batch)
    assert lake.rows("id") == [1, 2, 3]


async def test_what_is_upserted_by_primary_key_is_not_replaced(lake: TableWarehouse) -> None:
    await lake.prepare(KEYED)
    await lake.commit(*records(1), sync="s first")
    await lake.commit(*records(2), sync="s second")
    assert lake.rows("id") == [1, 2]


async def test_our_key_never_makes_a_final_row_provisional(lake: TableWarehouse) -> None:
    await lake.prepare(BARE)
    await lake.commit(event({"id": 1}, position=1), changed={"s": {"complete": 1}})
    news = [event({"id": 10 * n}, position=n) for n in (1, 2)]
    await lake.commit(*news, sync="s first")
    assert lake.rows("id") == [10, 20]
    await lake.commit(sync="s second")
    assert lake.rows("id") == [10]


async def test_a_failed_batch_of_a_new_attempt_removes_nothing(lake: TableWarehouse) -> None:
    await lake.prepare(stream())
    await lake.commit(*records(1), sync="s first")
    assert (await lake.commit(event({"id": "x"}), sync="s second")).has_failures()
    assert lake.rows("id") == [1]


async def test_crashes_at_any_batch_leave_each_record_once(
    opened: Callable[..., TableWarehouse],
) -> None:
    for seed in range(8):
        chance = random.Random(seed)
        lake = opened()
        names = [f"a{seed}", f"b{seed}"]
        done: set[str] = set()
        attempt = 0
        while done != set(names):
            attempt += 1
            assert attempt < 9
            await lake.sink.close()
            lake = opened()
            done = set(await lake.checkpoint() or ()) & set(names)
            for name in sorted(set(names) - done):
                for start in range(0, 12, 3):
                    if attempt <= 6 and chance.random() < 0.2:
                        break
                    batch = records(*range(start, start + 3), to=name)
                    if start < 9:
                        await lake.commit(*batch, sync=f"{name} {attempt}")
                    else:
                        done.add(name)
                        state = {one: {"complete": 1} for one in sorted(done)}
                        await lake.commit(*batch, state=state, changed={name: state[name]})
            done = set(await lake.checkpoint() or ()) & set(names)
        await lake.sink.close()
        for name in names:
            assert Counter(lake.rows("id", name)) == Counter(range(12)), seed


async def test_a_cancelled_call_does_not_disturb_the_next(lake: TableWarehouse) -> None:
    await lake.prepare(stream())
    task = asyncio.create_task(lake.write(*records(*range(20_000))))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await lake.write(*records(-1))
    await lake.sink.close()
    found = lake.rows("id")
    assert found[-1] == -1
    assert len(found) in (1, 20_001)


async def test_a_cancelled_call_that_is_made_again_writes_once(lake: TableWarehouse) -> None:
    """It goes on to its end, and nobody learns what came of it."""
    await lake.prepare(stream())
    batch = records(*range(5_000))
    task = asyncio.create_task(lake.commit(*batch, changed={"s": {"at": 1}}, epoch=2))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await lake.commit(*batch, changed={"s": {"at": 1}}, epoch=2)
    assert sorted(lake.rows("id")) == list(range(5_000))
