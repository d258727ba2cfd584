"""Whole pipelines from an API to a file: what is committed when, and what a later run reads."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rivven_connect import RivvenError
from rivven_connect._registry import Registries
from rivven_connect.http import set_network_policy
from rivven_connect.pipeline import StateStore, load_pipeline, plan_pipeline, run_pipeline
from services.http_api import Asked, HttpApi

ASCENDING = {"field": "updated_at", "parameter": "since", "order": "ascending"}


def pipeline(folder: Path, config: dict[str, Any], **settings: Any) -> Any:
    """Return the plan of a pipeline from the API to out.jsonl."""
    retry = {"max_retries": 5, "initial_backoff_ms": 1, "max_backoff_ms": 5}
    file = folder / "pipe.yaml"
    text = {
        "version": "1.0",
        "sources": {"api": {"connector": "http", "config": config, **settings.pop("source", {})}},
        "sinks": {
            "out": {
                "connector": "jsonl",
                "topics": ["api"],
                "batch": {"max_wait_ms": 20},
                "config": {"path": str(folder / "out.jsonl")},
            }
        },
        "settings": {"retry": retry, **settings},
    }
    file.write_text(json.dumps(text))
    return plan_pipeline(load_pipeline(file), Registries.installed())


def run(plan: Any) -> Any:
    store = StateStore.open(plan.state_dir, plan.name)
    try:
        return asyncio.run(run_pipeline(plan, store=store))
    finally:
        store.close()


def written(folder: Path) -> list[Any]:
    lines = (folder / "out.jsonl").read_text().splitlines()
    return [json.loads(line)["id"] for line in lines]


def state(plan: Any) -> dict[str, Any]:
    store = StateStore.open(plan.state_dir, plan.name)
    try:
        return dict(store.load("api"))
    finally:
        store.close()


def stream(api: HttpApi, paging: str = "pages", **more: Any) -> dict[str, Any]:
    pages = {
        "pages": {"type": "page"},
        "cursor": {"type": "cursor", "path": "/meta/next"},
    }
    given = {"url": f"{api.url}/{paging}/orders", "pagination": pages[paging], "records": "/data"}
    return {**given, "primary_key": ["id"], "retry_count": 0, **more}


class Faults:
    """Answers to chosen requests, by the page's number."""

    def __init__(self, api: HttpApi, page: str, *answers: web.Response) -> None:
        self.left = list(answers)
        self.page = page
        self.seen: list[Any] = []
        api.intercept = self

    def __call__(self, asked: Asked) -> web.Response | None:
        if asked.query.get("page", "") == self.page and self.left:
            return self.left.pop(0)
        return None


def later(seconds: str) -> web.Response:
    return web.Response(status=429, headers={"Retry-After": seconds})


def test_the_engine_waits_as_asked_once_what_was_read_is_committed(
    tmp_path: Path, api: HttpApi
) -> None:
    """The failed page is asked for from the cursor that was committed, not from the start."""
    Faults(api, "3", later("0.2"))
    plan = pipeline(tmp_path, stream(api, cursor=ASCENDING))
    summary = run(plan)
    assert written(tmp_path) == list(range(47))
    assert summary.sources["api"].retries == 1
    again = [one.query for one in api.requests if one.query["page"] == "1"]
    last = api.streams["orders"][19]["updated_at"]
    assert [query.get("since") for query in again] == [None, last]


@pytest.mark.parametrize("cursor", [ASCENDING, {**ASCENDING, "order": "unordered"}, None])
def test_a_wait_in_place_commits_what_was_read(tmp_path: Path, api: HttpApi, cursor: Any) -> None:
    """While the source waits for its third page, the sink has the first two for good."""
    seen: list[int] = []

    def intercept(asked: Asked) -> web.Response | None:
        if asked.query["page"] == "3" and len(seen) < 200:
            done = tmp_path / "out.jsonl"
            seen.append(len(done.read_text().splitlines()) if done.exists() else 0)
            return None if seen[-1] == 20 else later("0.05")
        return None

    api.intercept = intercept
    more: dict[str, Any] = {"cursor": cursor} if cursor else {}
    run(pipeline(tmp_path, stream(api, retry_count=100, max_retry_after_ms=50, **more)))
    assert written(tmp_path) == list(range(47)), "each once: nothing was read again"
    assert seen[-1] == 20


def test_the_next_run_goes_on_and_reads_only_what_is_new(tmp_path: Path, api: HttpApi) -> None:
    plan = pipeline(tmp_path, stream(api, cursor=ASCENDING))
    run(plan)
    api.streams["orders"].append({"id": 47, "updated_at": "2026-01-02"})
    run(pipeline(tmp_path, stream(api, cursor=ASCENDING)))
    assert written(tmp_path) == list(range(48))


@pytest.mark.parametrize("order", ["ascending", "unordered", "full"])
def test_what_stops_a_run_loses_nothing(tmp_path: Path, api: HttpApi, order: str) -> None:
    more: dict[str, Any] = {} if order == "full" else {"cursor": {**ASCENDING, "order": order}}
    Faults(api, "4", web.Response(status=403))
    plan = pipeline(tmp_path, stream(api, **more))
    with pytest.raises(RivvenError, match="HTTP 403") as caught:
        run(plan)
    assert caught.value.exit_code == 3
    saved = state(plan).get("records", {})
    assert "complete" not in saved
    assert saved.get("cursor") == (
        api.streams["orders"][29]["updated_at"] if order == "ascending" else None
    )
    run(pipeline(tmp_path, stream(api, **more)))
    assert set(written(tmp_path)) == set(range(47))
    if order == "ascending":
        assert Counter(written(tmp_path)) == Counter(range(47))


def test_what_is_no_object_is_a_dead_letter(tmp_path: Path, api: HttpApi) -> None:
    api.intercept = lambda _: web.json_response([{"id": 1}, 5, {"id": 2}])
    config = {"url": api.url, "primary_key": ["id"]}
    letters = {"dead_letter": {"path": str(tmp_path / "dead.jsonl"), "max_ratio": 1.0}}
    run(pipeline(tmp_path, config, source=letters))
    assert written(tmp_path) == [1, 2]
    (letter,) = (tmp_path / "dead.jsonl").read_text().splitlines()
    assert "a record is an object, and this is a number" in letter


def test_without_dead_letters_it_stops_before_what_is_no_object(
    tmp_path: Path, api: HttpApi
) -> None:
    api.intercept = lambda _: web.json_response([5, {"id": 2}])
    with pytest.raises(RivvenError, match="this is a number") as caught:
        run(pipeline(tmp_path, {"url": api.url}))
    assert caught.value.exit_code == 3


def test_several_streams_at_once_and_one_of_them_fails(tmp_path: Path, api: HttpApi) -> None:
    """`concurrency` and `isolate_streams` of the runtime hold for streams of a config too."""
    api.streams |= {name: [{"id": name}] for name in ("a", "b", "c")}
    streams = [{"name": name, "path": f"all/{name}"} for name in ("a", "missing", "b", "c")]
    config = {"url": api.url, "streams": streams, "primary_key": ["id"]}
    both = {"concurrency": 3, "isolate_streams": True}
    with pytest.raises(RivvenError, match="HTTP 404"):
        run(pipeline(tmp_path, config, source=both))
    assert set(written(tmp_path)) == {"a", "b", "c"}


def test_the_runtime_s_rate_limit_holds(tmp_path: Path, api: HttpApi) -> None:
    plan = pipeline(
        tmp_path, stream(api), source={"rate_limit": {"events_per_second": 200, "burst": 1}}
    )
    summary = run(plan)
    assert written(tmp_path) == list(range(47))
    assert summary.sources["api"].written == 47 or summary.sources["api"].read == 47


def test_a_polling_run_drains_and_goes_on_later(tmp_path: Path, api: HttpApi) -> None:
    async def drained(plan: Any) -> None:
        stop = asyncio.Event()
        store = StateStore.open(plan.state_dir, plan.name)
        try:
            running = asyncio.create_task(run_pipeline(plan, store=store, stop=stop))
            async with asyncio.timeout(30):
                while len(api.requests) < 20:  # noqa: ASYNC110  # another thread makes them
                    await asyncio.sleep(0.01)
            stop.set()
            assert (await running).drained
        finally:
            store.close()

    config = stream(api, cursor=ASCENDING, poll_interval_ms=10)
    asyncio.run(drained(pipeline(tmp_path, config)))
    api.streams["orders"].append({"id": 47, "updated_at": "2026-01-02"})
    run(pipeline(tmp_path, {**stream(api, cursor=ASCENDING)}))
    assert written(tmp_path) == list(range(48))


@pytest.fixture
def network_restored() -> Iterator[None]:
    yield
    set_network_policy("any")


def test_n2_public_only_connects_to_nothing_here(
    tmp_path: Path, api: HttpApi, network_restored: None
) -> None:
    with pytest.raises(RivvenError, match=r"settings\.network"):
        run(pipeline(tmp_path, stream(api), network="public_only"))
    assert api.requests == []
