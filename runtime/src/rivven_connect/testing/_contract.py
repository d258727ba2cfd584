"""What the contract classes of all three kinds share."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar, NoReturn, Protocol

import pytest

from rivven_connect._adapters import opened
from rivven_connect._checks import CheckResult
from rivven_connect._connector import Connector
from rivven_connect._errors import HookMissing
from rivven_connect._json import JsonObject
from rivven_connect._sink import Sink
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorKind, ConnectorSpec, GeneratedSpec
from rivven_connect.testing._side_effects import watched

_SETTLE_S = 2.0
"""How long tasks and threads may take to end after `close`."""


class TimeLimited(Protocol):
    """What a contract test belongs to."""

    time_limit_s: ClassVar[float]


def contract_test(method: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a plain test of a coroutine method.

    It has a time limit. Tasks and threads that it leaves behind fail it. A hook that is not written
    yet makes it an expected failure, never a pass.
    """

    @functools.wraps(method)
    def run(self: TimeLimited, *args: Any, **kwargs: Any) -> None:
        threads = set(threading.enumerate())
        try:
            asyncio.run(_bounded(self, method(self, *args, **kwargs)))
        except HookMissing as missing:
            pytest.xfail(str(missing))
        left = _settle(lambda: set(threading.enumerate()) - threads)
        expect(not left, f"threads are left behind: {', '.join(t.name for t in left)}")

    return run


class Contract:
    """The part of the contract that every connector keeps.

    A generated test class names the connector and the manifest's `tests.valid`. The fixture
    `config`, in the project's `tests/conftest.py`, gives a config that reaches a system that the
    tests may use.
    """

    connector: ClassVar[type[Connector[Any]]]
    """The author's class."""

    examples: ClassVar[Mapping[str, JsonObject]] = {}
    """The manifest's `tests.valid`."""

    kind: ClassVar[ConnectorKind]
    """Which kind of connector this contract is for."""

    time_limit_s: ClassVar[float] = 60
    """Seconds that one test may take."""

    def test_spec_describes_this_connector(self) -> None:
        """The spec is of the right kind and the same after a trip through JSON."""
        spec = self.connector.spec()
        expect(isinstance(spec, ConnectorSpec), f"spec() returned {type(spec).__name__}")
        expect(spec.kind is self.kind, f"spec().kind is {spec.kind}, not {self.kind}")
        again = ConnectorSpec.model_validate_json(spec.model_dump_json())
        expect(again == spec, "spec() changes when it is written as JSON and read again")

    def test_spec_equals_generated_file(self) -> None:
        """What `spec()` says is what the generated `spec.json` says."""
        generated = getattr(self.connector, "spec_type", None)
        if not (isinstance(generated, type) and issubclass(generated, GeneratedSpec)):
            pytest.skip("not generated from a manifest")
        path = generated.folder / "spec.json"
        written = ConnectorSpec.model_validate(json.loads(path.read_text(encoding="utf-8")))
        expect(self.connector.spec() == written, f"spec() differs from {path.name}")

    def test_examples_are_accepted(self) -> None:
        """Every config of `tests.valid` parses."""
        for values in self.examples.values():
            self.connector.validate_config(values)

    @contract_test
    async def test_open_and_close_may_be_repeated(self, config: Any) -> None:
        """`close` works twice, without `open`, and as after an `open` that failed; then reopens."""
        never_opened = self.connector()
        await never_opened.close()
        connector = self.connector()
        try:
            await connector.open(config)
        finally:
            await connector.close()
        await connector.close()
        await connector.open(config)
        await connector.close()


def expect(condition: object, message: str) -> None:
    """Fail the test with `message` unless the condition holds.

    Not `assert`: pytest explains those only in modules that it rewrites, and `-O` removes them.
    """
    if not condition:
        fail(message)


def fail(message: str) -> NoReturn:
    """Fail the test."""
    raise AssertionError(message)


async def expect_steady_check(connector: type[Source[Any] | Sink[Any]], config: Any) -> None:
    """Run `check` twice, each on a connector of its own, and expect the same verdict.

    What it writes, makes or removes on the disk fails the test as well.
    """
    verdicts = []
    before = repr(config)
    for _ in range(2):
        async with opened(connector(), config) as one:
            with watched() as changes:
                result = await one.check(config)
        expect(not changes, f"check() changes something: it {'; '.join(changes)}")
        expect(isinstance(result, CheckResult), f"check() returned {type(result).__name__}")
        verdicts.append([(detail.name, detail.passed) for detail in result.checks])
    expect(verdicts[0] == verdicts[1], f"check() first gave {verdicts[0]}, then {verdicts[1]}")
    expect(repr(config) == before, "check() changed the config")


async def _bounded(contract: TimeLimited, work: Coroutine[Any, Any, None]) -> None:
    before = asyncio.all_tasks()
    try:
        async with asyncio.timeout(contract.time_limit_s) as limit:
            await work
    except TimeoutError:
        if limit.expired():
            fail(f"not done within {contract.time_limit_s:g} s")
        raise
    await expect_no_tasks_but(before)


async def expect_no_tasks_but(known: set[asyncio.Task[Any]]) -> None:
    """Fail if tasks that are not `known` do not end by themselves at once."""
    deadline = time.monotonic() + _SETTLE_S
    while left := asyncio.all_tasks() - known:
        if time.monotonic() > deadline:
            names = ", ".join(sorted(str(task.get_coro()) for task in left))
            fail(f"tasks are left behind: {names}")
        await asyncio.sleep(0.01)


def _settle(find: Callable[[], set[threading.Thread]]) -> set[threading.Thread]:
    deadline = time.monotonic() + _SETTLE_S
    while (found := find()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found
