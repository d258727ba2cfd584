"""The error tree, and the one table from error to action."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable

import pytest

from rivven_connect import _errors
from rivven_connect._errors import (
    Action,
    AlreadyRunning,
    ConnectorError,
    ErrorKind,
    ExitCode,
    FatalError,
    HookMissing,
    InputError,
    PipelineError,
    RecordError,
    RetryableError,
    RivvenError,
    StateStoreError,
)
from rivven_connect._failures import classify
from rivven_connect._problems import Problem

TABLE: dict[str, tuple[ErrorKind, Action]] = {
    "configuration": (ErrorKind.CONFIG, Action.STOP),
    "config": (ErrorKind.CONFIG, Action.STOP),
    "connection": (ErrorKind.CONNECTION, Action.RETRY),
    "timeout": (ErrorKind.TIMEOUT, Action.RETRY),
    "rate_limited": (ErrorKind.RATE_LIMITED, Action.RETRY),
    "transient": (ErrorKind.TRANSIENT, Action.RETRY),
    "data": (ErrorKind.DATA, Action.DEAD_LETTER),
    "schema": (ErrorKind.SCHEMA, Action.DEAD_LETTER),
    "serialization": (ErrorKind.SERIALIZATION, Action.DEAD_LETTER),
    "auth": (ErrorKind.AUTH, Action.STOP),
    "permission": (ErrorKind.PERMISSION, Action.STOP),
    "not_found": (ErrorKind.NOT_FOUND, Action.STOP),
    "state": (ErrorKind.STATE, Action.STOP),
    "fatal": (ErrorKind.FATAL, Action.STOP),
    "io": (ErrorKind.IO, Action.STOP),
    "internal": (ErrorKind.INTERNAL, Action.STOP),
}
CLASS_OF = {
    Action.RETRY: RetryableError,
    Action.DEAD_LETTER: RecordError,
    Action.STOP: FatalError,
}


def constructors() -> dict[str, Callable[[str], ConnectorError]]:
    made = {
        name: getattr(ConnectorError, name)
        for name, value in vars(ConnectorError).items()
        if isinstance(value, staticmethod)
    }
    return made | {"fatal": ConnectorError.fatal}


def test_every_constructor_is_in_the_table() -> None:
    assert constructors().keys() == TABLE.keys()


def test_every_kind_can_be_made() -> None:
    assert {kind for kind, _ in TABLE.values()} == set(ErrorKind)


@pytest.mark.parametrize("name", TABLE)
def test_each_constructor_decides_what_happens(name: str) -> None:
    kind, action = TABLE[name]
    error = constructors()[name]("what went wrong")
    assert (error.kind, error.action, type(error)) == (kind, action, CLASS_OF[action])
    assert (error.retryable, error.fatal) == (action is Action.RETRY, action is Action.STOP)
    assert str(error) == error.message == "what went wrong"


def test_only_a_rate_limit_says_when_to_come_back() -> None:
    assert ConnectorError.rate_limited("slow", retry_after=3).retry_after == 3
    assert ConnectorError.transient("busy").retry_after is None


def test_a_missing_hook_says_which() -> None:
    error = HookMissing("read_issues", "def read_issues(self): ...")
    assert str(error) == "not written yet: read_issues"
    assert (error.hook, error.stub, error.fatal) == (
        "read_issues",
        "def read_issues(self): ...",
        True,
    )


def test_a_pipeline_error_is_as_retryable_as_its_cause() -> None:
    """Regression: the original's wrapper is never retryable."""

    def wrapped(cause: Exception | None) -> PipelineError:
        error = PipelineError("sink failed")
        error.__cause__ = cause
        return error

    assert wrapped(ConnectorError.connection("reset")).retryable
    assert not wrapped(ConnectorError.auth("denied")).retryable
    assert not wrapped(OSError("x")).retryable
    assert not wrapped(None).retryable


def test_exit_codes() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "BUG": 1,
        "BAD_INPUT": 2,
        "CONNECTOR": 3,
        "STATE_STORE": 4,
        "ALREADY_RUNNING": 5,
        "DRAIN_DEADLINE": 6,
        "DRIFT": 7,
        "BREAKING_CHANGE": 8,
        "TESTS_FAILED": 9,
    }
    assert InputError([]).exit_code is ExitCode.BAD_INPUT
    assert ConnectorError.connection("x").exit_code is ExitCode.CONNECTOR
    assert StateStoreError("x").exit_code is ExitCode.STATE_STORE
    assert AlreadyRunning("x").exit_code is ExitCode.ALREADY_RUNNING


def test_an_input_error_shows_its_problems() -> None:
    problem = Problem(
        code="RVN601",
        message="too big",
        hint="at most 5",
        path="a.yaml",
        line=3,
        column=7,
        pointer="/n",
    )
    error = InputError([problem, problem])
    assert error.problems == (problem, problem)
    assert str(error).splitlines()[:2] == ["a.yaml:3:7: RVN601 too big (at /n)", "  fix: at most 5"]


def test_there_is_one_tree_and_its_drawing_is_complete() -> None:
    classes = {
        name: value
        for name, value in vars(_errors).items()
        if inspect.isclass(value)
        and issubclass(value, Exception)
        and value.__module__ == _errors.__name__
    }
    assert all(issubclass(value, RivvenError) for value in classes.values())
    drawing = _errors.__doc__ or ""
    assert {name for name in classes if name not in drawing} == set()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            FileNotFoundError(errno.ENOENT, "No such file", "out/a.jsonl"),
            "out/a.jsonl: No such file",
        ),
        (OSError(errno.EIO, "broken"), "OSError: [Errno 5] broken"),
        (OSError("odd"), "OSError: odd"),
    ],
)
def test_an_error_of_a_file_names_it_and_the_reason(error: OSError, text: str) -> None:
    """A class of Python's and a number tell the person who runs a pipeline nothing."""
    found = classify(error)
    assert isinstance(found, ConnectorError)
    assert found.message == text
