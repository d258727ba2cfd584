"""How a run logs: text for people, one JSON object per line for machines, secrets masked."""

from __future__ import annotations

import datetime
import json
import logging
import sys

from rivven_connect._problems import escape_text
from rivven_connect._redaction import RedactingFilter

_LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}


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
    """Send the log to stderr in the given format, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if wants_json(format_) else _TextFormatter())
    handler.addFilter(RedactingFilter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_LEVELS[level])
    logging.captureWarnings(capture=True)
