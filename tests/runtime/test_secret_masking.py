"""What masks secrets in texts: every form, overlaps, minted secrets, and how logs are made."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import random
import re
import sys
import threading
import types
import urllib.parse
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from rivven_connect._redaction import (
    MASK,
    _known,
    masked_record,
    redact,
    redact_json,
    register_secret,
)
from rivven_connect._secret import Secret
from rivven_connect._values import resolve_values
from rivven_connect.cli.logs import configure_logging

CANARY = "Zq9@/+%\"\nW7x'kL3\\vB8{tY2ü"

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "quoted": urllib.parse.quote,
    "quoted whole": lambda s: urllib.parse.quote(s, safe=""),
    "quoted with plus": urllib.parse.quote_plus,
    "quoted in lower case": lambda s: re.sub(
        "%..", lambda match: match[0].lower(), urllib.parse.quote(s, safe="")
    ),
    "JSON": json.dumps,
    "JSON in UTF-8": lambda s: json.dumps(s, ensure_ascii=False),
    "JSON with escaped slashes": lambda s: json.dumps(s).replace("/", "\\/"),
    "JSON inside of JSON": lambda s: json.dumps({"body": json.dumps({"token": s})}),
    "repr": repr,
    "repr of a text with quotes": lambda s: repr(f"'{s}\""),
    "ascii": ascii,
    "repr of bytes": lambda s: repr(s.encode()),
    "repr of JSON": lambda s: repr(json.dumps({"token": s})),
    "repr of JSON in bytes": lambda s: repr(json.dumps({"token": s}).encode()),
    "str of a KeyError": lambda s: str(KeyError(s)),
    "HTML": html.escape,
    "HTML with numbers": lambda s: html.escape(s).replace("&#x27;", "&#39;"),
    **{
        f"base64 behind {length} bytes": lambda s, n=length: base64.b64encode(  # type: ignore[misc]
            b"x" * n + s.encode() + b"behind"
        ).decode()
        for length in range(4)
    },
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "basic": lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_masked(name: str) -> None:
    written = FORMS[name](CANARY)
    assert redact(written) == written
    Secret(CANARY)
    shown = redact(f"before {written} behind")
    assert MASK in shown
    assert shown.startswith("before ")
    assert shown.endswith(" behind")
    for piece in ("Zq9", "kL3", "tY2"):
        assert piece not in shown
    for shift in range(3):
        middle = base64.b64encode(b"x" * shift + CANARY[4:-4].encode()).decode()[4:-4]
        assert middle not in shown


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (("xk-abc", "xk-abcdef"), "a xk-abcdef b", "a *** b"),
        (("xk-abc", "abcdef"), "a xk-abcdef b", "a *** b"),
        (("abcdef", "defghi", "ghijkl"), "a abcdefghijkl b", "a *** b"),
        (("aaaaaa",), "a aaaaaaaaaaa b", "a *** b"),
        (("abcabcabc",), "abcabcabcabc", "***"),
        (("abcdef", "ghijkl"), "abcdef ghijkl", "*** ***"),
        (("secret", "secret of mine"), "no secret of mine, secret", "no ***, ***"),
    ],
)
def test_overlapping_secrets_leave_no_tail(secrets: tuple[str, ...], text: str, shown: str) -> None:
    for order in (secrets, secrets[::-1]):
        _known.clear()
        for one in order:
            register_secret(one)
        assert redact(text) == shown


def test_many_secrets_are_masked_like_few() -> None:
    """Beyond some number another way of searching is taken; it must find the same."""
    numbers = random.Random(1)
    secrets = ["".join(numbers.choices("abcdef", k=numbers.randint(6, 9))) for _ in range(400)]
    texts = ["".join(numbers.choices("abcdef", k=200)) for _ in range(20)]
    texts += ["x" + one for one in secrets[:50]]
    for one in secrets:
        register_secret(one)
    assert len(_known.variants) > 1000
    for text in texts:
        hidden = [False] * len(text)
        for one in _known.variants:
            for at in range(len(text)):
                if text.startswith(one, at):
                    hidden[at : at + len(one)] = [True] * len(one)
        kept = "".join(char for char, is_hidden in zip(text, hidden, strict=True) if not is_hidden)
        assert redact(text).replace(MASK, "") == kept


def test_a_secret_that_comes_at_run_time_is_masked_from_its_making_on() -> None:
    fresh = "oauth-" + "".join(chr(97 + n % 26) for n in range(30))
    assert redact(fresh) == fresh
    token = Secret(fresh)
    assert redact(f"Bearer {token.reveal()}") == "Bearer ***"
    assert redact_json({fresh: [{"x": f"-{fresh}"}, 1, None, True]}) == {
        "***": [{"x": "-***"}, 1, None, True]
    }


@pytest.mark.parametrize(
    ("written", "password"),
    [
        ("postgresql://me:s3cr%2Ft-pw@host/db", "s3cr/t-pw"),
        ("postgresql://me:s3cr%2Ft-pw@host/db", "s3cr%2Ft-pw"),
        ("redis://:s3cret-pw@host:6379/0", "s3cret-pw"),
        ("host=db user=me password=s3cret-pw dbname=x", "s3cret-pw"),
        (r"host=db password='s3cr\'et pw' dbname=x", "s3cr'et pw"),
        ("Server=db;Pwd=s3cret-pw;Encrypt=yes", "s3cret-pw"),
        ("AccountName=me;AccountKey=c2VjcmV0+pw==;Suffix=x", "c2VjcmV0+pw=="),
    ],
)
def test_the_password_of_a_connection_string_is_masked_alone(written: str, password: str) -> None:
    Secret(written)
    assert redact(f"authentication of {password} failed") == "authentication of *** failed"
    assert redact("user me at host db") == "user me at host db"


def test_short_secrets_are_accepted_warned_about_once_and_not_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for short in ("", "a", "1", "true", "abcde"):
        assert Secret(short).reveal() == short
    schema = {"properties": {"t": {"type": "string", "writeOnly": True}}}
    found = resolve_values({"t": "${env:T}"}, schema, environ={"T": "true"})
    assert (found.value, found.problems) == ({"t": "true"}, [])
    assert redact("a true 1 abcde") == "a true 1 abcde"
    assert [one.getMessage() for one in caplog.records] == [
        "a secret of fewer than 6 characters is not masked"
    ]


def test_a_short_part_of_a_longer_secret_is_no_reason_to_warn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    schema = {"properties": {"t": {"type": "string", "writeOnly": True}}}
    environ = {"HOST": "db", "PW": "s3cret-pw"}
    resolve_values({"t": "pg://me:${env:PW}@${env:HOST}/x"}, schema, environ=environ)
    assert caplog.records == []


Log: TypeAlias = Callable[[], str]


@pytest.fixture(params=["text", "json"])
def log(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Log]:
    """Gives the log as a command sets it up; afterwards everything is as it was."""
    for name in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.captureWarnings(capture=False)  # another test may have left it on
    configure_logging("trace", request.param)
    try:
        yield lambda: capsys.readouterr().err
    finally:
        logging.captureWarnings(capture=False)
        root.handlers = handlers
        root.setLevel(level)


class Unshowable:
    def __str__(self) -> str:
        raise ValueError(f"not {CANARY}")


def test_no_way_of_logging_shows_a_secret(log: Log) -> None:
    Secret(CANARY)
    logger = logging.getLogger("some.connector")
    own = io.StringIO()
    handler = logging.StreamHandler(own)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s %(exc_info)s"))
    logger.addHandler(handler)
    nothing: dict[str, str] = {}
    try:
        nothing[CANARY]
    except KeyError:
        logger.exception("m %s", {"t": CANARY}, stack_info=True)
    logger.error(CANARY)
    logger.error("%d", CANARY)
    logger.error("%s %s", CANARY)  # noqa: PLE1206  # such mistakes are made
    logger.error("%s", Unshowable())
    logger.error("m", extra={"fields": {CANARY: [CANARY, Secret(CANARY)]}})
    logging.getLogger(f"{logger.name}.{CANARY}").error("m")
    logger.removeHandler(handler)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"w {CANARY}", stacklevel=1)
    failing = threading.Thread(target=lambda: nothing[CANARY], name=CANARY)
    failing.start()
    failing.join()
    leaving = threading.Thread(target=lambda: sys.exit(CANARY))
    leaving.start()
    leaving.join()
    sys.excepthook(ValueError, ValueError(CANARY), None)
    broken: Any = types.SimpleNamespace(
        exc_type=ValueError, exc_value=ValueError(CANARY), object=print
    )
    sys.unraisablehook(broken)
    said = log()
    for shown in (said, own.getvalue()):
        assert MASK in shown
        for piece in ("Zq9", "kL3", "tY2"):
            assert piece not in shown
    assert all(word in said for word in ("thread ", "process ended", "was ignored", "w ***"))
    assert "SystemExit" not in said


def test_a_stack_is_masked() -> None:
    Secret(CANARY)
    place = ("x", 40, "file", 1, "m", (), None, "function", f"Stack: {CANARY!r}")
    assert masked_record(logging.LogRecord(*place)).stack_info == "Stack: '***'"


HOSTILE = "end\r\nERROR: forged\x1b[2J\x00\x9b\u2028\u202e{0} %s {x.__class__}"


def test_what_others_say_makes_no_line_of_its_own(log: Log) -> None:
    logger = logging.getLogger("some.connector")
    logger.error("a sink said %s", HOSTILE)
    logger.error(HOSTILE)
    logger.error("m", extra={"fields": {HOSTILE: HOSTILE}})
    try:
        raise ValueError(HOSTILE)  # noqa: TRY301
    except ValueError:
        logger.exception("m")
    sys.excepthook(ValueError, ValueError(HOSTILE), None)
    lines = log().removesuffix("\n").split("\n")
    assert len(lines) == 5
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith(("error: ", "{")) for line in lines)
    assert "{0} %s {x.__class__}" in lines[0]
