"""How a run logs: text for people, one JSON object per line for machines, secrets masked."""

from __future__ import annotations

import datetime
import json
import logging
import sys
import threading
from types import TracebackType
from typing import Any, TextIO

from rivven_connect._problems import escape_text
from rivven_connect._redaction import masked_record, redact, redact_json

_log = logging.getLogger("rivven_connect.process")

_LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # as `logging.lastResort` does
        return sys.stderr


class _JsonFormatter(logging.Formatter):
    """One line per record, in ASCII: nothing in it can break the line or steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        now = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, object] = {
            "ts": now.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": redact(record.name),
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line["fields"] = redact_json(fields)
        if record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = escape_text(record.getMessage(), limit=2000)
        return f"{record.levelname.lower()}: {message}"


def wants_json(format_: str) -> bool:
    """Whether a log format means JSON here: `auto` does where nobody looks at a terminal."""
    return format_ == "json" or (format_ == "auto" and not sys.stderr.isatty())


def configure_logging(level: str, format_: str) -> None:
    """Send the log to stderr in the given format, and nowhere else.

    Known secrets are masked where a record is made, so that a handler which a connector adds has
    none either. What fails in a thread or a destructor, where nobody catches it, is logged too:
    Python would print it with its traceback, and unmasked.
    """
    handler = _ToStderr()
    handler.setFormatter(_JsonFormatter() if wants_json(format_) else _TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_LEVELS[level])
    logging.setLogRecordFactory(_masked_record)
    # Python would print a record that cannot be written, its arguments included.
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_failed_thread
    sys.unraisablehook = _log_unraisable


def watch_connector() -> None:
    """Let what a connector logs, or breaks, outside of a run be masked as well; call before import."""
    configure_logging("warn", "text")


def _masked_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    return masked_record(logging.LogRecord(*args, **kwargs))


def _log_uncaught(
    kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    _log.error("the process ended with %s: %s", kind.__name__, error)


def _log_failed_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_type is SystemExit:
        return  # how a thread may end itself
    name = failed.thread.name if failed.thread else "?"
    error = failed.exc_value
    _log.error("thread %s ended with %s: %s", name, failed.exc_type.__name__, error)


def _log_unraisable(failed: sys.UnraisableHookArgs) -> None:
    name = getattr(failed.object, "__qualname__", type(failed.object).__name__)
    error = failed.exc_value
    _log.error("%s in %s was ignored: %s", failed.exc_type.__name__, name, error)
