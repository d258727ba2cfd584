"""What ends a pipeline, and with which exit code."""

from __future__ import annotations

from rivven_connect._errors import (
    ExitCode,
    InputError,
    PipelineError,
    RivvenError,
    StateStoreError,
)
from rivven_connect._failures import classify


class DrainDeadlinePassed(PipelineError):
    """The pipeline did not come to rest in time; what was committed is valid."""

    exit_code = ExitCode.DRAIN_DEADLINE


def stop_error(where: str, error: Exception, hint: str = "") -> RivvenError:
    """Return what ends the pipeline: says where; keeps the exit code of the state store and input.

    `hint` stands behind the reason.
    """
    found = classify(error)
    if isinstance(found, StateStoreError) and found is not error:
        full = StateStoreError(f"{where}: {found}")
        full.__cause__ = error
        return full
    if isinstance(found, PipelineError | InputError):
        return found
    stopped = PipelineError(f"{where}: {found}{hint}")
    stopped.__cause__ = error
    return stopped
