"""Connection checks: what was tried, what came of it, how long it took."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Self, TypeAlias

import msgspec
import msgspec.structs

from rivven_connect._errors import HookMissing
from rivven_connect._problems import escape_text

CheckOutcome: TypeAlias = bool | str | None
"""What a check function returns: None or True passed; False failed; a text says why it failed."""

CheckFunction: TypeAlias = Callable[[], CheckOutcome | Awaitable[CheckOutcome]]

_FAILED = "One or more checks failed"


def _on_one_line(text: str) -> str:
    """Return what the other side may have said, so that it cannot pass for lines of ours."""
    return escape_text(text, limit=2000)


class CheckDetail(msgspec.Struct, frozen=True):
    """One thing that was checked; `duration_ms` is None where nobody measured."""

    name: str
    passed: bool
    message: str | None = None
    duration_ms: float | None = None

    @classmethod
    def success(cls, name: str) -> Self:
        """A check that passed."""
        return cls(name, passed=True)

    @classmethod
    def failed(cls, name: str, message: str) -> Self:
        """A check that did not."""
        return cls(name, passed=False, message=message)

    def with_message(self, message: str) -> CheckDetail:
        """Return a copy with a message."""
        return msgspec.structs.replace(self, message=message)

    def with_duration_ms(self, duration_ms: float) -> CheckDetail:
        """Return a copy with a duration."""
        return msgspec.structs.replace(self, duration_ms=duration_ms)

    def __str__(self) -> str:
        mark = "✓" if self.passed else "✗"
        message = f": {_on_one_line(self.message)}" if self.message else ""
        took = "" if self.duration_ms is None else f" ({self.duration_ms:.0f} ms)"
        return f"{mark} {self.name}{message}{took}"


class CheckResult(msgspec.Struct, frozen=True):
    """Whether a connector can do its work, and each thing that was checked."""

    passed: bool
    message: str | None = None
    checks: tuple[CheckDetail, ...] = ()

    @classmethod
    def success(cls) -> Self:
        """Everything is well."""
        return cls(passed=True)

    @classmethod
    def failure(cls, message: str) -> Self:
        """Something is not."""
        return cls(passed=False, message=message)

    @classmethod
    def builder(cls) -> CheckResultBuilder:
        """Start a result that is put together check by check."""
        return CheckResultBuilder()

    def is_success(self) -> bool:
        """Whether the connector can do its work."""
        return self.passed

    def with_check(self, detail: CheckDetail) -> CheckResult:
        """Return a copy with one more detail; the verdict stays."""
        return msgspec.structs.replace(self, checks=(*self.checks, detail))

    def failed_checks(self) -> list[CheckDetail]:
        """Return the details that did not pass."""
        return [detail for detail in self.checks if not detail.passed]

    def to_json(self) -> dict[str, object]:
        """Return the result as plain JSON."""
        return {
            "success": self.passed,
            "message": self.message,
            "checks": [msgspec.structs.asdict(detail) for detail in self.checks],
        }

    def __str__(self) -> str:
        head = (
            "✓ Connection check passed"
            if self.passed
            else f"✗ Connection check failed: {_on_one_line(self.message or '')}"
        )
        return "\n".join([head, *(f"  {detail}" for detail in self.checks)])


class CheckResultBuilder:
    """Collects checks; `build()` passes if all did, and an empty one passes."""

    def __init__(self) -> None:
        self._checks: list[CheckDetail] = []

    def check(self, detail: CheckDetail) -> Self:
        """Add a finished check."""
        self._checks.append(detail)
        return self

    def check_passed(self, name: str) -> Self:
        """Add a check that passed."""
        return self.check(CheckDetail.success(name))

    def check_failed(self, name: str, message: str) -> Self:
        """Add a check that failed."""
        return self.check(CheckDetail.failed(name, message))

    def check_if(self, name: str, function: Callable[[], CheckOutcome]) -> Self:
        """Run a plain function now and add what came of it, timed.

        For an async function, or for a deadline, use `check_async`.

        Raises:
            HookMissing: the function is a hook that has not been written.
            TypeError: the function is async.
        """
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"check {name!r} is async; await check_async(...) runs it")
        started = time.monotonic()
        try:
            outcome: CheckOutcome = function()
        except HookMissing:
            raise
        except Exception as error:  # noqa: BLE001  # any exception is a failed check
            outcome = str(error) or type(error).__name__
        return self._add(name, outcome, started)

    async def check_async(
        self,
        name: str,
        function: CheckFunction,
        *,
        requires: str | None = None,
        timeout_ms: int | None = None,
    ) -> Self:
        """Run a plain or async function and add what came of it, timed.

        Args:
            name: how the check is called.
            function: what to run.
            requires: the name of a check without which this one makes no sense; it is skipped, and
                counts as failed, when that one did not pass.
            timeout_ms: how long it may take, in milliseconds.

        Raises:
            HookMissing: the function is a hook that has not been written.
        """
        if requires is not None and not self._has_passed(requires):
            return self.check_failed(name, f"skipped: {requires} did not pass")
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout_ms / 1000 if timeout_ms else None):
                found = function()
                outcome = await found if inspect.isawaitable(found) else found
        except HookMissing:
            raise
        except TimeoutError:
            outcome = f"no answer within {timeout_ms} ms" if timeout_ms else "timed out"
        except Exception as error:  # noqa: BLE001  # any exception is a failed check
            outcome = str(error) or type(error).__name__
        return self._add(name, outcome, started)

    def build(self) -> CheckResult:
        """Return the result; its message joins the messages of what failed."""
        failed = [detail for detail in self._checks if not detail.passed]
        message = "; ".join(detail.message for detail in failed if detail.message) or _FAILED
        return CheckResult(not failed, message if failed else None, tuple(self._checks))

    def _has_passed(self, name: str) -> bool:
        return any(detail.passed for detail in self._checks if detail.name == name)

    def _add(self, name: str, outcome: CheckOutcome, started: float) -> Self:
        duration_ms = (time.monotonic() - started) * 1000
        if outcome is None or outcome is True:
            detail = CheckDetail.success(name)
        else:
            detail = CheckDetail.failed(name, outcome or "the check returned False")
        return self.check(detail.with_duration_ms(duration_ms))
