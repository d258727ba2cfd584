"""Texts for a string field: of a length, of a format, for a pattern, and ones that do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rivven_generator.schema import pattern_samples

FITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "uri": ("https://example.com", "postgres://user@db.example.com:5432/app?x=1#y"),
    "email": ("person@example.com",),
    "hostname": ("example.com", "localhost"),
    "ipv4": ("192.0.2.1", "255.255.255.255"),
    "ipv6": ("2001:db8::1", "::"),
    "uuid": ("00000000-0000-4000-8000-000000000000",),
    "date": ("2021-01-25", "2024-02-29"),
    "time": ("12:30:00Z", "23:59:59.999+01:00"),
    "date-time": ("2021-01-25T12:30:00Z", "2024-02-29T23:59:59.5-08:00"),
    "duration": ("P1D", "PT1H30M"),
    "regex": ("^a+$",),
    "password": ("not-a-real-secret",),
}
"""Texts of each format."""

UNFITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "uri": ("example.com", "https://exa mple.com", "https://[", "//example.com"),
    "email": ("person", "person@", "a@b@example.com"),
    "hostname": ("exa_mple.com", "-example.com", "example..com"),
    "ipv4": ("192.0.2.256", "192.0.2", "192.0.2.01"),
    "ipv6": ("2001:db8::1::1", "192.0.2.1", "12345::"),
    "uuid": ("00000000-0000-4000-8000-00000000000", "00000000000040008000000000000000"),
    "date": ("2021-02-29", "2021-1-25", "25.01.2021"),
    "time": ("12:30:00", "24:00:00Z", "12:30Z"),
    "date-time": ("2021-01-25T12:30:00", "2021-02-29T12:30:00Z", "2021-01-25"),
    "duration": ("1D", "P", "PT"),
    "regex": ("(", "[a-", "*"),
}
"""Texts that nearly have each format."""

VALID: Final[Mapping[str, tuple[Any, ...]]] = {
    "cron": ("0 * * * *", "*/5 0-6 1,15 jan-dec mon", "@daily"),
    "host": ("example.com", "192.0.2.1", "2001:db8::1"),
    "port": (8080, 1, 65535, "8080", "1", "65535"),
}
"""Values that each built-in validator accepts."""

INVALID: Final[Mapping[str, tuple[Any, ...]]] = {
    "cron": ("60 * * * *", "* * * *", "* * * * * *", "every day"),
    "host": ("https://example.com", "example.com:8080", "exa mple"),
    "port": (0, 65536, -1, "65536", "0", "http", "99999"),
}
"""Values that each built-in validator refuses."""

LONGEST: Final = 100_000
"""Longest text that a case may hold."""


def of_length(node: Mapping[str, Any], length: int, known: Sequence[str]) -> Iterator[str]:
    """Yield texts of exactly `length` characters that may fit the schema otherwise."""
    if length > LONGEST:
        return
    simple = node.get("format", "password") == "password"
    if simple and "pattern" not in node:
        yield "x" * length
    if "pattern" in node:
        yield from (t for t in pattern_samples.samples(node["pattern"], length) if len(t) == length)
    yield from _of_format(node.get("format", ""), length)
    for text in known:
        if len(text) >= length:
            yield text[:length]
            yield text[len(text) - length :]
        else:
            yield text + (text[-1:] or "x") * (length - len(text))
            yield text + "x" * (length - len(text))
    if simple:
        yield "x" * length


def _of_format(name: str, length: int) -> Iterator[str]:
    labels = ".".join(["x" * 60] * (length // 60 + 1))
    if name == "uri" and length >= 3:
        start = "https://example.com/" if length > 20 else "https://" if length > 8 else "u:"
        yield start + "x" * (length - len(start))
    elif name == "email" and length >= 3:
        yield "a@" + labels[: length - 2]
    elif name == "hostname" and length:
        yield labels[:length]
    elif name == "date-time" and length > 21:
        yield f"2021-01-25T12:30:00.{'0' * (length - 21)}Z"
    elif name == "regex":
        yield "x" * length


def for_pattern(node: Mapping[str, Any]) -> list[str]:
    """Return texts that may match the schema's pattern."""
    return pattern_samples.samples(node["pattern"])


def beside_format(text: str) -> tuple[str, ...]:
    """Return texts that may match the pattern that `text` matches, and are hardly of its format."""
    return (f"{text} ", f"{text}[", re.sub("[0-9]", "9", text), re.sub("[0-9]", "0", text))


def beside_pattern(text: str) -> tuple[tuple[str, ...], ...]:
    """Return texts that miss a pattern that `text` matches: anyhow, after its end, before its start."""
    swapped = (text[:-1] + "!", "!" + text[1:], text[:-1] + "a", text[:-1] + "0")
    anyhow = (
        "!",
        *swapped,
        " ",
        "unexpected value!",
        "",
        text.swapcase(),
        "0",
        "a",
        "-",
        text[:-1],
    )
    return (
        tuple(other for other in dict.fromkeys(anyhow) if other != text),
        (text + "\n", text + "!", text + " ", text + "/"),
        ("\n" + text, "!" + text, " " + text, "/" + text),
    )
