"""Connection checks."""

from __future__ import annotations

import asyncio
import re
from typing import NoReturn

import pytest

from rivven_connect._checks import CheckDetail, CheckResult, CheckResultBuilder
from rivven_connect._errors import HookMissing


def raises(error: Exception) -> NoReturn:
    raise error


def test_an_empty_build_is_a_success() -> None:
    assert CheckResult.builder().build() == CheckResult.success()
    assert CheckResult.success().is_success()


def test_a_build_passes_only_if_everything_did() -> None:
    result = CheckResult.builder().check_passed("a").check_failed("b", "broken").build()
    assert not result.is_success()
    assert {detail.name for detail in result.failed_checks()} == {"b"}


def test_the_message_joins_what_failed() -> None:
    builder = CheckResult.builder().check_failed("a", "first").check_passed("b")
    assert builder.check_failed("c", "second").build().message == "first; second"
    assert CheckResult.builder().check_passed("a").build().message is None
    silent = CheckDetail("a", passed=False)
    assert CheckResult.builder().check(silent).build().message == "One or more checks failed"


@pytest.mark.parametrize("outcome", [None, True])
def test_check_if_passes(outcome: bool | None) -> None:
    (detail,) = CheckResult.builder().check_if("a", lambda: outcome).build().checks
    assert detail.passed
    assert detail.duration_ms is not None
    assert detail.duration_ms >= 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: False, "the check returned False"),
        (lambda: "no route", "no route"),
        (lambda: "", "the check returned False"),
        (lambda: raises(OSError("refused")), "refused"),
        (lambda: raises(KeyError()), "KeyError"),
    ],
)
def test_check_if_fails(function: object, message: str) -> None:
    assert callable(function)
    (detail,) = CheckResult.builder().check_if("a", function).build().checks
    assert (detail.passed, detail.message) == (False, message)


def test_check_if_refuses_an_async_function() -> None:
    """Otherwise the coroutine would be taken for a message and never run."""

    async def check() -> None: ...

    with pytest.raises(TypeError, match="check_async"):
        CheckResult.builder().check_if("a", check)  # type: ignore[arg-type]  # the mistake


def test_a_check_that_is_not_written_is_no_failed_check() -> None:
    with pytest.raises(HookMissing):
        CheckResult.builder().check_if("a", lambda: raises(HookMissing("check_a")))

    async def check() -> None:
        raise HookMissing("check_a")

    with pytest.raises(HookMissing):
        asyncio.run(CheckResult.builder().check_async("a", check))


def build(*steps: tuple[str, object, str | None]) -> CheckResult:
    async def run() -> CheckResult:
        builder = CheckResultBuilder()
        for name, function, requires in steps:
            assert callable(function)
            await builder.check_async(name, function, requires=requires)
        return builder.build()

    return asyncio.run(run())


async def good() -> None: ...


async def bad() -> str:
    return "denied"


def test_async_and_plain_functions_are_run() -> None:
    result = build(("a", good, None), ("b", bad, None), ("c", lambda: True, None))
    assert {detail.name: detail.passed for detail in result.checks} == {
        "a": True,
        "b": False,
        "c": True,
    }


def test_a_check_is_skipped_when_what_it_requires_failed() -> None:
    result = build(("a", bad, None), ("b", good, "a"), ("c", good, "nobody"))
    assert result.checks[1].message == "skipped: a did not pass"
    assert {detail.name for detail in result.failed_checks()} == {"a", "b", "c"}


def test_a_check_has_a_deadline() -> None:
    async def run() -> CheckResult:
        builder = CheckResultBuilder()
        await builder.check_async("slow", asyncio.Event().wait, timeout_ms=1)
        return builder.build()

    assert asyncio.run(run()).message == "no answer within 1 ms"


def test_cancellation_passes_through_a_check() -> None:
    async def run() -> bool:
        check = CheckResultBuilder().check_async("slow", asyncio.Event().wait)
        task = asyncio.ensure_future(check)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(run())


def test_how_a_person_sees_it() -> None:
    passed = CheckResult.success().with_check(CheckDetail.success("a").with_duration_ms(12.4))
    assert str(passed) == "✓ Connection check passed\n  ✓ a (12 ms)"
    failed = CheckResult.builder().check_failed("b", "no route").build()
    assert str(failed) == "✗ Connection check failed: no route\n  ✗ b: no route"
    assert re.match("✗ Connection check failed: x", str(CheckResult.failure("x")))


def test_how_a_program_sees_it() -> None:
    found = CheckResult.builder().check_failed("b", "no route").build().to_json()
    assert found == {
        "success": False,
        "message": "no route",
        "checks": [{"name": "b", "passed": False, "message": "no route", "duration_ms": None}],
    }


def test_details_are_changed_in_copies() -> None:
    detail = CheckDetail.failed("a", "x")
    assert detail.with_message("y").message == "y"
    assert detail.message == "x"
