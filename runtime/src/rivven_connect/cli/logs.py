"""How a run logs: text for people, one JSON object per line for machines, secrets masked."""

from __future__ import annotations

import datetime
import json
import logging
import sys
import threading
from typing import TextIO

from rivven_connect._problems import escape_text
from rivven_connect._redaction import RedactingFilter

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
    def format(self, record: logging.LogRecord) -> str:
        now = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, object] = {
            "time": now.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = escape_text(record.getMessage(), limit=2000)
        return f"{record.levelname.lower()}: {message}"


def wants_json(format_: str) -> bool:
    """Whether a log format means JSON here: `auto` does where nobody looks at a terminal."""
    return format_ == "json" or (format_ == "auto" and not sys.stderr.isatty())


def configure_logging(level: str, format_: str) -> None:
    """Send the log to stderr in the given format, and nowhere else.

    What fails in a thread or a destructor, where nobody catches it, is logged too: Python would
    print it with its traceback, and unmasked.
    """
    handler = _ToStderr()
    handler.setFormatter(_JsonFormatter() if wants_json(format_) else _TextFormatter())
    handler.addFilter(RedactingFilter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_LEVELS[level])
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_failed_thread
    sys.unraisablehook = _log_unraisable


def watch_connector() -> None:
    """Let what a connector logs, or breaks, outside of a run be masked as well; call before import."""
    configure_logging("warn", "text")


def _log_failed_thread(failed: threading.ExceptHookArgs) -> None:
    name = failed.thread.name if failed.thread else "?"
    error = failed.exc_value
    _log.error("thread %s ended with %s: %s", name, failed.exc_type.__name__, error)


def _log_unraisable(failed: sys.UnraisableHookArgs) -> None:
    name = getattr(failed.object, "__qualname__", type(failed.object).__name__)
    error = failed.exc_value
    _log.error("%s in %s was ignored: %s", failed.exc_type.__name__, name, error)
