"""Known secrets and the masking of them in text that people and logs see."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote, quote_plus

from rivven_connect._secret import MASK

_SHORTEST = 6
_SHORTEST_LINE = 8
_known: dict[str, None] = {}


def register_secret(value: str) -> None:
    """Mask `value`, and the usual encodings of it, in everything that `redact` sees.

    Values below six characters are left alone: masking `true` or `1` would shred every log.
    """
    if len(value) < _SHORTEST:
        return
    raw = value.encode("utf-8", "surrogatepass")
    inner = json.dumps(value)[1:-1]
    plain = json.dumps(value, ensure_ascii=False)[1:-1]
    quoted = (quote(value, safe=""), quote_plus(value), quote(value))
    # Where text is indented, as in an exception group, a secret of several lines is broken up.
    lines = [line for line in value.splitlines() if len(line) >= _SHORTEST_LINE]
    for variant in (
        value,
        *lines,
        inner,
        plain,
        repr(value)[1:-1],
        *quoted,
        *_base64_variants(raw),
    ):
        if len(variant) >= _SHORTEST:
            _known.setdefault(variant)
    longest_first = sorted(_known, key=len, reverse=True)
    _known.clear()
    _known.update(dict.fromkeys(longest_first))


def _base64_variants(raw: bytes) -> list[str]:
    """Return what any base64 of a text that contains `raw` contains, at its three alignments."""
    found = []
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        start = (0, 2, 3)[offset]
        end = len(encoded) - (4 if (offset + len(raw)) % 3 else 0)
        found.append(encoded[start:end])
    return found


def redact(text: str) -> str:
    """Return `text` with every known secret masked, longest first."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


class RedactingFilter(logging.Filter):
    """Masks known secrets in a log record, arguments and exception text included."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; never drops one."""
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
