"""The error tree.

RivvenError
├── ConnectorError            raised by connectors; `kind`, `retryable`, `action`, `retry_after`
│   ├── RetryableError        connection, timeout, rate_limited, transient -> try again
│   ├── RecordError           data, schema, serialization                  -> dead letter
│   └── FatalError            everything else                              -> stop
│       └── HookMissing       a declared hook that its author has not written yet
├── PipelineError             the runtime's own; retryability follows its cause
│   ├── StateStoreError       exit 4
│   └── AlreadyRunning        exit 5
└── InputError                bad manifest, config or pipeline file; carries located problems
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import overload

from rivven_connect._problems import Problem, render_problems


class ExitCode(enum.IntEnum):
    """What the commands return to the shell."""

    OK = 0
    BUG = 1
    BAD_INPUT = 2
    CONNECTOR = 3
    STATE_STORE = 4
    ALREADY_RUNNING = 5
    DRAIN_DEADLINE = 6
    DRIFT = 7
    BREAKING_CHANGE = 8
    TESTS_FAILED = 9


class Action(enum.StrEnum):
    """What the engine does about an error."""

    RETRY = "retry"
    DEAD_LETTER = "dead_letter"
    STOP = "stop"


class ErrorKind(enum.StrEnum):
    """What went wrong, in one word."""

    CONFIG = "config"
    CONNECTION = "connection"
    AUTH = "auth"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    DATA = "data"
    SERIALIZATION = "serialization"
    SCHEMA = "schema"
    STATE = "state"
    TRANSIENT = "transient"
    FATAL = "fatal"
    INTERNAL = "internal"
    IO = "io"


class RivvenError(Exception):
    """Every error that this project raises on purpose."""

    exit_code: int = ExitCode.CONNECTOR


class _Fatal:
    """One word for the question and for the constructor, as the guide has it."""

    @overload
    def __get__(self, error: None, owner: type) -> Callable[[str], FatalError]: ...
    @overload
    def __get__(self, error: ConnectorError, owner: type) -> bool: ...
    def __get__(
        self, error: ConnectorError | None, owner: type
    ) -> bool | Callable[[str], FatalError]:
        if error is None:
            return FatalError
        return error.action is Action.STOP


class ConnectorError(RivvenError):
    """A connector's failure; its class says what the engine does about it.

    Build one with the constructor named after the failure: `ConnectorError.connection("...")`.
    Messages name the thing, the place and the fix, and never hold a secret or a raw input.
    """

    action = Action.STOP
    kind = ErrorKind.INTERNAL

    def __init__(
        self, message: str, *, kind: ErrorKind | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind or type(self).kind
        self.retry_after = retry_after
        """Seconds that the other side asked us to wait, if it did."""

    @property
    def retryable(self) -> bool:
        """Whether trying again may help."""
        return self.action is Action.RETRY

    fatal = _Fatal()
    """On an error: whether the pipeline stops. On the class: the constructor of such an error."""

    @staticmethod
    def configuration(message: str) -> FatalError:
        """The config is wrong in a way that only the outside world could show."""
        return FatalError(message, kind=ErrorKind.CONFIG)

    config = configuration
    """The original's name for the same."""

    @staticmethod
    def connection(message: str) -> RetryableError:
        """The other side cannot be reached."""
        return RetryableError(message, kind=ErrorKind.CONNECTION)

    @staticmethod
    def timeout(message: str) -> RetryableError:
        """The other side did not answer in time."""
        return RetryableError(message, kind=ErrorKind.TIMEOUT)

    @staticmethod
    def rate_limited(message: str, *, retry_after: float | None = None) -> RetryableError:
        """The other side asked for fewer requests; `retry_after` is in seconds."""
        return RetryableError(message, kind=ErrorKind.RATE_LIMITED, retry_after=retry_after)

    @staticmethod
    def transient(message: str) -> RetryableError:
        """A failure that is known to pass."""
        return RetryableError(message, kind=ErrorKind.TRANSIENT)

    @staticmethod
    def data(message: str) -> RecordError:
        """One record is wrong."""
        return RecordError(message, kind=ErrorKind.DATA)

    @staticmethod
    def schema(message: str) -> RecordError:
        """One record does not fit its schema."""
        return RecordError(message, kind=ErrorKind.SCHEMA)

    @staticmethod
    def serialization(message: str) -> RecordError:
        """One record cannot be encoded or decoded."""
        return RecordError(message, kind=ErrorKind.SERIALIZATION)

    @staticmethod
    def auth(message: str) -> FatalError:
        """The credentials are refused."""
        return FatalError(message, kind=ErrorKind.AUTH)

    @staticmethod
    def permission(message: str) -> FatalError:
        """The credentials are good and not allowed to do this."""
        return FatalError(message, kind=ErrorKind.PERMISSION)

    @staticmethod
    def not_found(message: str) -> FatalError:
        """The named thing does not exist there."""
        return FatalError(message, kind=ErrorKind.NOT_FOUND)

    @staticmethod
    def state(message: str) -> FatalError:
        """The saved state does not fit what the source can resume from."""
        return FatalError(message, kind=ErrorKind.STATE)

    @staticmethod
    def io(message: str) -> FatalError:
        """The local disk or a pipe failed."""
        return FatalError(message, kind=ErrorKind.IO)

    @staticmethod
    def internal(message: str) -> FatalError:
        """The connector contradicts itself."""
        return FatalError(message, kind=ErrorKind.INTERNAL)


class RetryableError(ConnectorError):
    """Trying again may help; never a dead letter."""

    action = Action.RETRY
    kind = ErrorKind.TRANSIENT


class RecordError(ConnectorError):
    """One record is at fault; it goes to the dead letters and its neighbours proceed."""

    action = Action.DEAD_LETTER
    kind = ErrorKind.DATA


class FatalError(ConnectorError):
    """Neither another try nor another record would help."""

    action = Action.STOP
    kind = ErrorKind.FATAL


class HookMissing(FatalError):
    """A hook that `connector.yaml` declares has not been written; `stub` is what to paste."""

    def __init__(self, hook: str, stub: str = "") -> None:
        super().__init__(f"not written yet: {hook}", kind=ErrorKind.INTERNAL)
        self.hook = hook
        self.stub = stub


class PipelineError(RivvenError):
    """A pipeline cannot go on; its cause, if a connector's error, decides whether a retry helps."""

    @property
    def retryable(self) -> bool:
        """Whether the cause is worth another try."""
        return isinstance(self.__cause__, ConnectorError) and self.__cause__.retryable


class StateStoreError(PipelineError):
    """The durable state cannot be read or written; it is never taken for "no state"."""

    exit_code = ExitCode.STATE_STORE


class AlreadyRunning(PipelineError):
    """Another process owns this pipeline's state."""

    exit_code = ExitCode.ALREADY_RUNNING


class InputError(RivvenError):
    """An input file or value is wrong; `problems` say where, why and how to fix it."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(render_problems(self.problems))
