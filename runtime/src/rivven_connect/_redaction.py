"""Known secrets and the masking of them in text that people and logs see."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

from rivven_connect._problems import escape_text

MASK = "***"

_SHORTEST = 6
_SHORTEST_LINE = 8
_FEW = 200
"""Up to so many variants are searched one by one; it takes less time than looking at each place."""

_log = logging.getLogger("rivven_connect.secrets")


class _Known:
    """What is masked. Only ever added to while a program runs: other threads may be reading it."""

    def __init__(self) -> None:
        self.values: set[str] = set()
        self.variants: list[str] = []
        self.by_start: dict[str, list[str]] = {}
        """The variants by their first `_SHORTEST` characters."""
        self.has_warned = False

    def add(self, variant: str) -> None:
        if len(variant) < _SHORTEST:
            return
        same_start = self.by_start.setdefault(variant[:_SHORTEST], [])
        if variant not in same_start:
            self.variants.append(variant)
            same_start.append(variant)

    def clear(self) -> None:
        """Forget everything; for tests, where what one registers is no secret of the next."""
        self.values.clear()
        self.variants.clear()
        self.by_start.clear()
        self.has_warned = False


_known = _Known()

_USERINFO = r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@:]*:([^/?#]*)@"
_PAIR = r"(?i)(?:password|passwd|pwd|token|secret|key)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^'\s;&]+))"


def register_secret(value: str, *, warn: bool = True) -> None:
    """Mask `value`, and the usual encodings of it, in everything that `redact` sees.

    Of a connection string its password is masked by itself too: drivers quote it alone. Values
    below six characters are left alone, and `warn` says so once: masking `true` or `1` would shred
    every log.
    """
    if len(value) < _SHORTEST:
        if warn and value and not _known.has_warned:
            _known.has_warned = True
            _log.warning("a secret of fewer than %d characters is not masked", _SHORTEST)
        return
    if value in _known.values:
        return
    for variant in _variants(value):
        _known.add(variant)
    _known.values.add(value)
    for password in _passwords(value):
        register_secret(password, warn=False)


def _passwords(value: str) -> Iterator[str]:
    """Yield what is secret by itself in a URL with credentials or a `key=value` connection string."""
    for match in re.finditer(_USERINFO, value):
        yield match[1]
        yield unquote(match[1])
    for match in re.finditer(_PAIR, value):
        found = match[1] or match[2] or ""
        yield found
        yield re.sub(r"\\(.)", r"\1", found) if match[1] else unquote(found)


def _variants(value: str) -> Iterator[str]:
    """Yield the forms in which a secret turns up, as it is and inside of a longer text."""
    import html  # noqa: PLC0415  # a run without secrets needs no entities

    raw = value.encode("utf-8", "surrogatepass")
    yield value
    # Where text is indented, as in an exception group, a secret of several lines is broken up.
    yield from (line for line in value.splitlines() if len(line) >= _SHORTEST_LINE)
    for encoded in (
        quote(value, safe=""),
        quote_plus(value),
        quote(value),
        quote(value, safe=":@"),
    ):
        yield encoded
        yield re.sub("%..", lambda match: match[0].lower(), encoded)
    yield escape_text(value, limit=len(value))
    page = html.escape(value)
    yield from (page, html.escape(value, quote=False), page.replace("&#x27;", "&#039;"))
    page = page.replace("&#x27;", "&#39;")
    yield from (page, page.replace("&quot;", "&#34;"))
    for literal in (*_json_forms(value), *_python_forms(value, raw)):
        yield literal
        # JSON inside of JSON, and a text that was printed with `repr`.
        yield from _json_forms(literal)
        yield from _python_forms(literal, literal.encode("utf-8", "surrogatepass"))
    yield from _base64_variants(raw)


def _json_forms(value: str) -> tuple[str, ...]:
    inner = json.dumps(value)[1:-1]
    plain = json.dumps(value, ensure_ascii=False)[1:-1]
    return inner, plain, inner.replace("/", "\\/"), plain.replace("/", "\\/")


def _python_forms(value: str, raw: bytes) -> tuple[str, ...]:
    """Return what stands between the quotes; which of them is escaped depends on the whole text."""
    # The added quote makes `repr` choose the other one.
    found = (repr('"' + value)[2:-1], ascii('"' + value)[2:-1], repr(b'"' + raw)[3:-1])
    return (*found, *(one.replace("\\'", "'") for one in found))


def _base64_variants(raw: bytes) -> Iterator[str]:
    """Yield what any base64 of a text that contains `raw` contains, at its three alignments."""
    for offset in range(3):
        padded = b"\0" * offset + raw
        for encoded in (base64.b64encode(padded), base64.urlsafe_b64encode(padded)):
            start = (0, 2, 3)[offset]
            end = len(encoded) - (4 if (offset + len(raw)) % 3 else 0)
            yield encoded[start:end].decode()


def redact(text: str) -> str:
    """Return `text` with every known secret masked; secrets that overlap are masked as one."""
    found = [one for one in _candidates(text) if one in text]
    if not found:
        return text
    spans = sorted((start, start + len(one)) for one in found for start in _places(one, text))
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            parts += (text[end:start], MASK)
        end = max(end, stop)
    parts.append(text[end:])
    return "".join(parts)


def redact_json(value: object) -> object:
    """Return JSON with known secrets masked in all texts, keys included."""
    if isinstance(value, dict):
        return {redact(str(key)): redact_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redact_json(one) for one in value]
    return value if isinstance(value, int | float | None) else redact(str(value))


def _candidates(text: str) -> list[str]:
    """Return the variants that may be in `text`, in a time that does not grow with many of them."""
    if len(_known.variants) <= _FEW:
        return _known.variants
    starts = {text[at : at + _SHORTEST] for at in range(len(text) - _SHORTEST + 1)}
    return [one for start in starts for one in _known.by_start.get(start, ())]


def _places(one: str, text: str) -> Iterator[int]:
    at = text.find(one)
    while at >= 0:
        yield at
        at = text.find(one, at + 1)


def masked_record(record: logging.LogRecord) -> logging.LogRecord:
    """Mask known secrets in a log record: name, message, arguments, exception, stack.

    The arguments are gone afterwards, and so is the exception: whatever prints the record, with a
    formatter of its own or with a traceback that shows local variables, has only masked text.
    """
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001  # arguments that do not fit, or that cannot be shown
        message = f"{record.msg} (its arguments do not fit)"
    record.name = redact(record.name)
    record.msg = redact(message)
    record.args = None
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_info = None
    if record.exc_text:
        record.exc_text = redact(record.exc_text)
    if record.stack_info:
        record.stack_info = redact(record.stack_info)
    return record
