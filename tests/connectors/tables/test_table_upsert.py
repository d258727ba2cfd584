from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from warehouse import APPEND, BARE, KEYED, UPSERT, TableWarehouse, event, records, stream

from rivven_connect import SourceEvent
from rivven_connect.pipeline.march import Transformed


def fan_out(origin: SourceEvent, *outputs: Any) -> list[SourceEvent]:
    """Return what the engine's chain makes of the outputs of a transform."""
    made = [event(data, to=origin.stream) for data in outputs]
    found = Transformed()
    found.add(made, (origin.sub_index, origin.position, origin.timestamp))
    return found.events


async def test_the_last_record_of_a_key_stands_in_any_cut_of_the_batch(
    opened: Callable[..., TableWarehouse],
) -> None:
    events = [
        event({"id": 1, "v": "a"}),
        event({"id": 2, "v": "b"}),
        SourceEvent.update("s", {"id": 1}, {"id": 1, "v": "c"}),
        SourceEvent.delete("s", {"id": 2}),
        SourceEvent.insert("s", {"id": 2, "v": "d"}),
        SourceEvent.insert("s", {"id": 3, "v": "e"}),
        SourceEvent.delete("s", {"id": 3}),
        SourceEvent.delete("s", {"id": 4}),
        SourceEvent.update("s", {"id": 1}, {"id": 5, "v": "moved"}),
    ]
    for number, size in enumerate((1, 2, 3, len(events))):
        lake = opened(table=f"t{number}")
        await lake.prepare(KEYED)
        for start in range(0, len(events), size):
            await lake.write(*events[start : start + size])
        await lake.write(*events)
        assert sorted(lake.rows("id, v", f"t{number}")) == [(2, "d"), (5, "moved")]


async def test_a_new_version_replaces_the_whole_row(lake: TableWarehouse) -> None:
    await lake.prepare(KEYED)
    await lake.write(event({"id": 1, "v": "a", "w": 1}))
    await lake.write(event({"id": 1, "v": "b"}))
    assert lake.rows("id, v, w") == [(1, "b", None)]


async def test_a_record_without_its_key_fails_alone(lake: TableWarehouse) -> None:
    await lake.prepare(KEYED)
    bad = [event({"v": 1}), event({"id": None}), event({"id": [1]}), event({"id": "1"})]
    bad += [event({"id": 2**63}), SourceEvent.delete("s", None), SourceEvent.delete("s", {"v": 1})]
    result = await lake.write(event({"id": 1, "v": 1}), *bad, event({"id": 1, "v": 2}))
    assert [failed.event for failed in result.failed_events] == bad
    assert lake.rows("id, v") == [(1, 2)]


async def test_a_bad_version_leaves_the_good_one_before_it(lake: TableWarehouse) -> None:
    await lake.prepare(KEYED)
    bad = event({"id": 1, "v": object()})
    result = await lake.write(event({"id": 1, "v": "good"}), bad)
    assert [failed.event for failed in result.failed_events] == [bad]
    assert lake.rows("id, v") == [(1, "good")]


async def test_keys_may_have_several_parts_and_stand_inside(lake: TableWarehouse) -> None:
    target = stream(mode=UPSERT, key=[["meta", "id"], ["Region"]], schema={})
    await lake.prepare(target)
    rows = [(1, "eu"), (1, "us"), ("1", "eu"), (1, "eu")]
    events = [
        event({"meta": {"id": one}, "Region": region, "v": n})
        for n, (one, region) in enumerate(rows)
    ]
    await lake.write(*events)
    assert sorted(lake.rows("v")) == [1, 2, 3]
    await lake.write(SourceEvent.delete("s", {"meta": {"id": 1}, "Region": "eu"}))
    assert sorted(lake.rows("v")) == [1, 2]


async def test_a_stream_may_change_its_key_or_its_mode(
    opened: Callable[..., TableWarehouse],
) -> None:
    lake = opened()
    await lake.prepare(KEYED)
    await lake.write(event({"id": 1, "v": "a"}))
    await lake.prepare(stream(mode=UPSERT, key=[["id"], ["v"]]))
    await lake.write(event({"id": 1, "v": "b"}))
    lake = opened()
    await lake.prepare(stream(mode=APPEND, key=[["id"]]))
    await lake.write(event({"id": 1, "v": "b"}))
    assert sorted(lake.rows("id, v")) == [(1, "a"), (1, "b"), (1, "b")]


async def test_without_a_primary_key_an_event_is_one_row_however_often_it_comes(
    lake: TableWarehouse,
) -> None:
    await lake.prepare(BARE)
    events = [event({"id": 1}, position={"b": n, "a": 0}) for n in range(3)]
    again = event({"id": 2}, position={"a": 0, "b": 1})
    await lake.write(*events, again)
    await lake.write(*events[:1], SourceEvent(stream="s", data={"id": 1}, position=7))
    assert sorted(lake.rows("id")) == [1, 1, 1, 2]


async def test_nothing_that_names_an_event_is_a_failure_with_a_reason(lake: TableWarehouse) -> None:
    await lake.prepare(BARE)
    nameless = event({"id": 1})
    result = await lake.write(nameless, event({"id": 2}, position=0))
    assert [(one.event, one.retryable) for one in result.failed_events] == [(nameless, False)]
    assert "no primary key" in result.errors[0]
    assert "no position" in result.errors[0]
    assert lake.rows("id") == [2]


async def test_changes_without_a_primary_key_are_rows_that_say_so(lake: TableWarehouse) -> None:
    await lake.prepare(BARE)
    changes = [SourceEvent.insert("s", {"id": 1}), SourceEvent.delete("s", {"id": 1})]
    for n, change in enumerate(changes):
        change.position = n
    await lake.write(*changes)
    await lake.write(*changes)
    assert lake.rows("id, _rivven_type") == [(1, "insert"), (1, "delete")]


async def test_a_stream_that_a_transform_made_is_upserted_by_our_key(lake: TableWarehouse) -> None:
    await lake.prepare(KEYED)
    made = [event({"id": 1}, position=n // 2, to="made") for n in range(4)]
    await lake.write(*made)
    assert lake.rows("id", "made") == [1, 1]
    for _ in range(2):
        await lake.write(*fan_out(event({}, position=9, to="made"), {"id": 2}, {"id": 3}))
    assert lake.rows("id", "made") == [1, 1, 2, 3]


@pytest.mark.parametrize("cut", [1, 2, 3, 100])
@pytest.mark.parametrize("position", [None, 5])
async def test_nested_fan_outs_with_one_key_keep_every_record(
    lake: TableWarehouse, position: int | None, cut: int
) -> None:
    await lake.prepare(KEYED)
    for version in (1, 2):
        origin = event({"id": 1}, position=position and position + version)
        first = fan_out(origin, *({"id": 1, "v": (version, a)} for a in range(3)))
        events = [
            leaf
            for a, one in enumerate(first)
            for leaf in fan_out(one, *({"id": 1, "v": f"{version}{a}{b}"} for b in range(2)))
        ]
        other = event({"id": 2, "v": "other"}, position=position and position + version + 10)
        events.append(other)
        for _ in range(2):
            for start in range(0, len(events), cut):
                await lake.write(*events[start : start + cut])
            want = {f"{version}{a}{b}" for a in range(3) for b in range(2)}
            assert sorted(lake.rows("v")) == sorted(want | {"other"})
    await lake.write(*fan_out(event({"id": 1}), {"id": 1, "v": "alone"}))
    assert sorted(lake.rows("v")) == ["alone", "other"]


async def test_a_fan_out_with_keys_of_its_own_is_upserted_by_them(lake: TableWarehouse) -> None:
    await lake.prepare(KEYED)
    await lake.write(*fan_out(event({}), *({"id": n, "v": "old"} for n in (11, 12, 13))))
    await lake.write(*fan_out(event({}), *({"id": n, "v": "new"} for n in (10, 12, 11))))
    assert sorted(lake.rows("id, v")) == [(10, "new"), (11, "new"), (12, "new"), (13, "old")]


async def test_a_delete_removes_all_that_a_record_became(lake: TableWarehouse) -> None:
    await lake.prepare(KEYED)
    await lake.write(*fan_out(event({}), *({"id": 1, "v": n} for n in range(3))), event({"id": 2}))
    await lake.write(SourceEvent.delete("s", {"id": 1}))
    assert lake.rows("id") == [2]


async def test_a_batch_that_is_undone_leaves_no_trace_in_what_follows(lake: TableWarehouse) -> None:
    await lake.prepare(KEYED)
    await lake.commit(event({"id": 1, "v": "old"}, position=1))
    family = fan_out(
        event({}, position=2), {"id": 1, "v": object()}, {"id": 1, "v": "b"}, {"id": 1, "v": "c"}
    )
    assert (await lake.commit(*family)).failed_events[0].event is family[0]
    await lake.commit(*family[1:])
    # Without their first record they replace nothing: the row before stays until the next version.
    assert sorted(lake.rows("v")) == ["b", "c", "old"]


@pytest.mark.parametrize("position", [None, 1])
async def test_the_rest_of_an_undone_batch_still_knows_its_siblings(
    lake: TableWarehouse, position: int | None
) -> None:
    await lake.prepare(KEYED)
    family = fan_out(event({}, position=position), *({"id": 1, "v": n} for n in range(3)))
    await lake.commit(family[0])
    assert (await lake.commit(*family[1:], event({}))).has_failures()
    await lake.commit(*family[1:])
    assert sorted(lake.rows("v")) == [0, 1, 2]


async def test_any_history_in_any_cut_ends_as_a_dictionary_would(
    opened: Callable[..., TableWarehouse],
) -> None:
    for seed in range(10):
        chance = random.Random(seed)
        lake, model = opened(table=f"t{seed}"), dict[int, set[str]]()
        await lake.prepare(KEYED)
        history: list[SourceEvent] = []
        for n in range(40):
            one, other = chance.randrange(4), chance.randrange(4)
            kind = chance.choice("idmf")
            if kind == "d":
                history.append(SourceEvent.delete("s", {"id": one}))
                model.pop(one, None)
            elif kind == "m":
                history.append(SourceEvent.update("s", {"id": other}, {"id": one, "v": f"{n}"}))
                model.pop(other, None)
                model[one] = {f"{n}"}
            else:
                values = [f"{n}.{part}" for part in range(3 if kind == "f" else 1)]
                history += fan_out(event({}), *({"id": one, "v": value} for value in values))
                model[one] = set(values)
        rest = history
        while rest:
            size = chance.randrange(1, 12)
            await (lake.write if size % 2 else lake.commit)(*rest[:size])
            rest = rest[size:]
        found: dict[int, set[str]] = {}
        for row in lake.rows("id, v", f"t{seed}"):
            found.setdefault(row[0], set()).add(row[1])
        assert found == model, seed


async def test_a_sibling_that_comes_later_replaces_none_of_the_others(
    opened: Callable[..., TableWarehouse],
) -> None:
    """One of three failed, became a dead letter, and is replayed by another run."""
    for missing in range(3):
        lake = opened(table=f"t{missing}")
        await lake.prepare(KEYED)
        made = fan_out(event({"id": 1}, position=5), *({"id": 1, "v": v} for v in "abc"))
        late = made.pop(missing)
        await lake.write(*made)
        late.sub_index = late.sub_index or 3
        again = opened(table=f"t{missing}")
        await again.prepare(KEYED)
        await again.write(late)
        assert sorted(again.rows("v", f"t{missing}")) == ["a", "b", "c"]


async def test_an_update_leaves_what_it_lacks_as_it_is(
    opened: Callable[..., TableWarehouse],
) -> None:
    """A source may not know a large value that was not changed."""
    events = [
        SourceEvent.insert("s", {"id": 1, "v": "a", "w": "large"}),
        SourceEvent.update("s", None, {"id": 1, "v": "b"}),
        SourceEvent.insert("s", {"id": 2, "v": "c", "w": "large too"}),
        SourceEvent.update("s", None, {"id": 2, "w": "changed"}),
        SourceEvent.update("s", None, {"id": 2, "v": "d"}),
        SourceEvent.update("s", None, {"id": 3, "v": "new"}),
        SourceEvent.insert("s", {"id": 4, "v": "e", "w": "gone"}),
        SourceEvent.delete("s", {"id": 4}),
        SourceEvent.update("s", None, {"id": 4, "v": "again"}),
        SourceEvent.insert("s", {"id": 5, "v": "f", "w": "replaced"}),
        SourceEvent.update("s", None, {"id": 5, "v": "g"}),
        SourceEvent.insert("s", {"id": 5, "v": "h"}),
    ]
    for size in (1, 2, 3, 5, 7, len(events)):
        lake = opened(table=f"t{size}")
        await lake.prepare(KEYED)
        for start in range(0, len(events), size):
            await lake.write(*events[start : start + size])
        assert sorted(lake.rows("id, v, w", f"t{size}"), key=lambda row: int(row[0])) == [
            (1, "b", "large"),
            (2, "d", "changed"),
            (3, "new", None),
            (4, "again", None),
            (5, "h", None),
        ], size


async def test_a_row_takes_what_an_update_does_not_say_along_to_its_new_key(
    opened: Callable[..., TableWarehouse],
) -> None:
    def moved(old: int, new: int, **fields: str) -> SourceEvent:
        return SourceEvent.update("s", {"id": old}, {"id": new, **fields})

    events = [
        *(SourceEvent.insert("s", {"id": n, "v": f"v{n}", "w": f"w{n}"}) for n in range(1, 6)),
        moved(1, 11, v="moved"),
        moved(2, 12, v="once"),
        moved(12, 22, v="twice"),
        *(moved(3, 0), moved(4, 3), moved(0, 4)),  # two rows swap their keys
        SourceEvent.delete("s", {"id": 5}),
        moved(11, 5, v="to a free key"),
        SourceEvent.insert("s", {"id": 11, "v": "new", "w": "new"}),
    ]
    for size in (1, 2, 3, 4, len(events)):
        lake = opened(table=f"t{size}")
        await lake.prepare(KEYED)
        for start in range(0, len(events), size):
            await lake.write(*events[start : start + size])
        assert sorted(lake.rows("id, v, w", f"t{size}"), key=lambda row: int(row[0])) == [
            (3, "v4", "w4"),
            (4, "v3", "w3"),
            (5, "to a free key", "w1"),
            (11, "new", "new"),
            (22, "twice", "w2"),
        ], size


async def test_a_move_that_comes_again_takes_nothing_away(lake: TableWarehouse) -> None:
    await lake.prepare(KEYED)
    await lake.write(event({"id": 1, "v": "a", "w": "large"}))
    move = SourceEvent.update("s", {"id": 1}, {"id": 2, "v": "b"})
    for _ in range(2):
        await lake.write(move)
        assert lake.rows("id, v, w") == [(2, "b", "large")]


async def test_any_history_of_updates_in_any_cut_ends_as_a_dictionary_would(
    opened: Callable[..., TableWarehouse],
) -> None:
    for seed in range(8):
        chance = random.Random(seed)
        lake, model = opened(table=f"t{seed}"), dict[int, dict[str, Any]]()
        await lake.prepare(KEYED)
        history: list[SourceEvent] = []
        for n in range(60):
            one, free = chance.randrange(4), [key for key in range(5) if key not in model]
            fields = {name: f"{name}{n}" for name in "vw" if chance.random() < 0.5}
            if chance.random() < 0.05:
                history.append(SourceEvent.truncate("s"))
                model.clear()
            elif one not in model:
                model[one] = {"id": one, "v": f"v{n}", "w": f"w{n}"}
                history.append(SourceEvent.insert("s", dict(model[one])))
            elif chance.random() < 0.2:
                history.append(SourceEvent.delete("s", {"id": one}))
                del model[one]
            elif free and chance.random() < 0.4:
                new = chance.choice(free)
                model[new] = {**model.pop(one), **fields, "id": new}
                history.append(SourceEvent.update("s", {"id": one}, {"id": new, **fields}))
            else:
                model[one] |= fields
                history.append(SourceEvent.update("s", None, {"id": one, **fields}))
        start = 0
        while start < len(history):
            size = chance.randrange(1, 9)
            result = await lake.write(*history[start : start + size])
            assert not result.has_failures()
            start += size
        found = {row[0]: row for row in lake.rows("id, v, w", f"t{seed}")}
        assert found == {key: (key, row["v"], row["w"]) for key, row in model.items()}, seed


async def test_a_truncate_empties_the_table_in_its_turn(
    opened: Callable[..., TableWarehouse],
) -> None:
    events = [*records(1, 2), SourceEvent.truncate("s"), *records(2, 3), event({"id": 4}, to="t")]
    for size in (1, len(events)):
        lake = opened(table=f"{{name}}{size}")
        assert lake.sink.truncates
        await lake.prepare(KEYED, stream("t", mode=UPSERT, key=[["id"]]))
        for start in range(0, len(events), size):
            await lake.write(*events[start : start + size])
        assert sorted(lake.rows("id", f"s{size}")) == [2, 3]
        await lake.write(SourceEvent.truncate("s"))
        assert (lake.rows("id", f"s{size}"), lake.rows("id", f"t{size}")) == ([], [4])


async def test_where_a_row_is_an_event_a_truncate_is_one(lake: TableWarehouse) -> None:
    await lake.prepare(stream())
    await lake.write(*records(1), SourceEvent.truncate("s"), *records(2))
    assert lake.rows("id, _rivven_type") == [(1, None), (None, "truncate"), (2, None)]
