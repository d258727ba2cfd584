"""`Retry-After`, in every form that servers send it."""

from __future__ import annotations

import datetime
import math

import pytest
from http_kit import respond, serve

from rivven_connect import ConnectorError, ErrorKind, RetryConfig
from rivven_connect.http import HttpClient, retry_after_seconds

SENT = "Wed, 21 Oct 2026 07:28:00 GMT"
"""The `Date` of the answer."""

FORMS: dict[str, tuple[str, float | None]] = {
    "seconds": ("120", 120.0),
    "zero": ("0", 0.0),
    "fraction": (" 1.5 ", 1.5),
    "huge": ("9" * 400, 1e9),
    "long": ("86400000000", 1e9),
    "leading_zeros": ("0" * 50 + "7", 7.0),
    "date": ("Wed, 21 Oct 2026 07:30:00 GMT", 120.0),
    "rfc850_date": ("Wednesday, 21-Oct-26 07:30:00 GMT", 120.0),
    "asctime_date": ("Wed Oct 21 07:30:00 2026", 120.0),
    "other_zone": ("Wed, 21 Oct 2026 09:30:00 +0200", 120.0),
    "past_date": ("Fri, 31 Dec 1999 23:59:59 GMT", None),
    "far_date": ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9),
    "negative": ("-5", None),
    "words": ("soon", None),
    "broken_date": ("Wed, 99 Oct 2026 07:30:00 GMT", None),
    "empty": ("", None),
    "not_a_number": ("nan", None),
    "infinite": ("inf", None),
    "hexadecimal": ("0x10", None),
    "other_digits": ("١٢", None),
    "two_numbers": ("5, 10", None),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_forms(name: str) -> None:
    text, expected = FORMS[name]
    assert retry_after_seconds(text, SENT) == expected


def test_without_a_date_of_the_answer_a_date_counts_from_now() -> None:
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    found = retry_after_seconds(until.strftime("%a, %d %b %Y %H:%M:%S GMT"), "rubbish")
    assert found is not None
    assert 3000 < found <= 3600
    assert retry_after_seconds(None) is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
@pytest.mark.parametrize("name", ["seconds", "huge", "date", "words", "negative"])
async def test_f17_the_error_carries_the_wait(status: int, name: str) -> None:
    text, expected = FORMS[name]
    with serve(respond(status, b"", Retry_After=text, Date=SENT)) as server:
        async with HttpClient(server.url) as client:
            with pytest.raises(ConnectorError) as failed:
                await client.request("GET")
    error = failed.value
    assert error.retryable
    assert error.retry_after == expected
    assert (error.kind is ErrorKind.RATE_LIMITED) is (status == 429)
    delay_ms = RetryConfig(max_retry_after_ms=5000).delay_ms_after(1, error)
    assert math.isfinite(delay_ms)
    assert delay_ms == 5000 if expected else delay_ms < 1000


STATUSES = {
    ErrorKind.AUTH: (401, 407),
    ErrorKind.PERMISSION: (402, 403, 451),
    ErrorKind.NOT_FOUND: (404, 410),
    ErrorKind.DATA: (400, 409, 413, 418, 422),
    ErrorKind.CONFIG: (300, 301, 304, 308, 405, 406, 414, 415, 431),
    ErrorKind.TIMEOUT: (408,),
    ErrorKind.RATE_LIMITED: (429,),
    ErrorKind.TRANSIENT: (423, 425, 500, 501, 502, 504, 599),
}


async def test_what_each_status_means() -> None:
    expected = {status: kind for kind, statuses in STATUSES.items() for status in statuses}
    with serve(*map(respond, expected)) as server:
        async with HttpClient(server.url) as client:
            found = {}
            for status in expected:
                with pytest.raises(ConnectorError, match=f"^HTTP {status} from GET ") as failed:
                    await client.request("GET")
                found[status] = failed.value.kind
    assert found == expected


async def test_a_caller_may_accept_other_statuses() -> None:
    with serve(respond(405, b"no HEAD here")) as server:
        async with HttpClient(server.url) as client:
            assert (await client.request("HEAD", accept={405})).status == 405
