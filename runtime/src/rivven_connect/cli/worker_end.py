"""How a worker has ended, as the error that one process would have ended with."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from rivven_connect._errors import (
    AlreadyRunning,
    ExitCode,
    InputError,
    PipelineError,
    RivvenError,
    StateStoreError,
)
from rivven_connect._problems import Problem
from rivven_connect.pipeline.failures import DrainDeadlinePassed

_CONTINUES = "what was committed is valid and the next run continues from there"

_BY_CODE: Mapping[int, type[PipelineError]] = {
    ExitCode.CONNECTOR: PipelineError,
    ExitCode.STATE_STORE: StateStoreError,
    ExitCode.ALREADY_RUNNING: AlreadyRunning,
    ExitCode.DRAIN_DEADLINE: DrainDeadlinePassed,
}


class WorkerFailed(PipelineError):
    """A worker ended in a way that no other class says; its exit code becomes the run's."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def failure_of(worker: str, code: int, end: Mapping[str, Any] | None) -> RivvenError | None:
    """Return why a worker failed, or None if it did not.

    Args:
        worker: what to call it.
        code: what its process returned; the negative number of the signal that killed it.
        end: its last message, if it came to that.
    """
    if end is not None and end["error"] is not None:
        return _told(end["error"])
    if end is not None and code == 0:
        return None
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return WorkerFailed(f"{worker} was killed by {name}; {_CONTINUES}", 128 - code)
    if code == ExitCode.DRAIN_DEADLINE:
        return DrainDeadlinePassed(f"{worker} did not come to rest in time; {_CONTINUES}")
    reason = f"{worker} ended without a word, with exit code {code}; {_CONTINUES}"
    return WorkerFailed(reason, code or ExitCode.CONNECTOR)


def _told(error: Mapping[str, Any]) -> RivvenError:
    if error["problems"]:
        return InputError([Problem(**one) for one in error["problems"]])
    code = error["exit_code"]
    kind = _BY_CODE.get(code)
    found = WorkerFailed(error["message"], code) if kind is None else kind(error["message"])
    if error["is_unforeseen"]:
        # What the edge would ask of the cause itself.
        found.__cause__ = Exception("its frames are shown by the worker")
    return found
