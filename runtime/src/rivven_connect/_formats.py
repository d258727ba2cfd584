"""What each `format` and each built-in validator accepts.

Formats follow JSON Schema 2020-12, Validation, section 7.3, and the standards named there. Every
check takes a text and answers yes or no; values stay as written.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from pydantic_core import SchemaError, SchemaValidator, core_schema

from rivven_connect._hostnames import is_hostname

_PCT = "%[0-9A-Fa-f]{2}"
_UNRESERVED = r"A-Za-z0-9\-._~"
_SUB_DELIMS = r"!$&'()*+,;="
_PCHAR = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:@]|{_PCT})"
# Texts, which `re` compiles when they are first asked: few runs need any of them.
_URI = (
    rf"(?a)(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):"
    rf"(?://(?:(?:[{_UNRESERVED}{_SUB_DELIMS}:]|{_PCT})*@)?"
    rf"(?:\[(?P<literal>[^\[\]/?#]+)\]|(?:[{_UNRESERVED}{_SUB_DELIMS}]|{_PCT})*)(?::[0-9]*)?"
    rf"(?:/{_PCHAR}*)*|(?!//)(?:/?{_PCHAR}+(?:/{_PCHAR}*)*|/)?)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
)
_IP_FUTURE = rf"v[0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+"
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_DATE = r"(?a)(\d{4})-(\d{2})-(\d{2})"
_TIME = r"(?a)(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|([+-])(\d{2}):(\d{2}))"
_DURATION = (
    r"(?a)P(?:\d+W|(?=[\dT])(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?"
    r"(?:T(?=\d)(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)"
)
_LONGEST_LOCAL_PART = 64


def is_uri(text: str) -> bool:
    """Whether the text is a URI with a scheme (RFC 3986, section 3)."""
    found = re.fullmatch(_URI, text)
    if found is None:
        return False
    literal = found["literal"]
    return literal is None or is_ipv6(literal) or re.fullmatch(_IP_FUTURE, literal) is not None


def is_email(text: str) -> bool:
    """Whether the text is a mail address (RFC 5321, section 4.1.2)."""
    local, at, domain = text.rpartition("@")
    if not at or len(local) > _LONGEST_LOCAL_PART:
        return False
    if not (re.fullmatch(_ATEXT, local) or re.fullmatch(_QUOTED, local)):
        return False
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1]
        return is_ipv6(literal[5:]) if literal.lower().startswith("ipv6:") else is_ipv4(literal)
    return is_hostname(domain)


def is_ipv4(text: str) -> bool:
    """Whether the text is a dotted IPv4 address (RFC 2673, section 3.2)."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def is_ipv6(text: str) -> bool:
    """Whether the text is an IPv6 address without a zone (RFC 4291, section 2.2)."""
    if "%" in text:
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID (RFC 4122, section 3)."""
    return re.fullmatch(_UUID, text) is not None


def is_date(text: str) -> bool:
    """Whether the text is a full date (RFC 3339, section 5.6)."""
    found = re.fullmatch(_DATE, text)
    if found is None:
        return False
    try:
        datetime.date(*(int(part) for part in found.groups()))
    except ValueError:
        return found[1] == "0000" and is_date(f"2000{text[4:]}")
    return True


def is_time(text: str) -> bool:
    """Whether the text is a time with an offset (RFC 3339, section 5.6); leap seconds are legal."""
    found = re.fullmatch(_TIME, text)
    if found is None:
        return False
    hour, minute, second = int(found[1]), int(found[2]), int(found[3])
    off_hour, off_minute = int(found[5] or 0), int(found[6] or 0)
    if hour > 23 or minute > 59 or second > 60 or off_hour > 23 or off_minute > 59:
        return False
    if second < 60:
        return True
    shift = (off_hour * 60 + off_minute) * (-1 if found[4] == "+" else 1)
    return (hour * 60 + minute + shift) % (24 * 60) == 23 * 60 + 59


def is_date_time(text: str) -> bool:
    """Whether the text is a date and time with an offset (RFC 3339, section 5.6)."""
    return len(text) > 10 and text[10] in "Tt" and is_date(text[:10]) and is_time(text[11:])


def is_duration(text: str) -> bool:
    """Whether the text is a duration (RFC 3339, appendix A)."""
    return re.fullmatch(_DURATION, text) is not None


def is_regex(text: str) -> bool:
    """Whether the text is a pattern that the config schema's own engine takes."""
    try:
        SchemaValidator(core_schema.str_schema(pattern=text))
    except SchemaError:
        return False
    return True


FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "uri": is_uri,
        "email": is_email,
        "hostname": is_hostname,
        "ipv4": is_ipv4,
        "ipv6": is_ipv6,
        "uuid": is_uuid,
        "date": is_date,
        "time": is_time,
        "date-time": is_date_time,
        "duration": is_duration,
        "regex": is_regex,
        "password": lambda _text: True,
    }
)
"""Every format that a config schema may name; `password` only says how a form shows it."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MACROS = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)
_CRON_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_CRON_STEP = r"(?a)(\*|[A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?(?:/(\d{1,4}))?"


def check_cron(value: str) -> None:
    """Accept a cron schedule: five fields with names, ranges, lists and steps, or an `@macro`.

    Raises:
        ValueError: says which field is wrong.
    """
    if value.lower() in _MACROS:
        return
    fields = value.split()
    if len(fields) != len(_CRON_FIELDS):
        raise ValueError("a cron schedule has 5 fields, or is a macro such as @daily")
    for field, (name, low, high, names) in zip(fields, _CRON_FIELDS, strict=True):
        if not all(_is_cron_part(part, low, high, names) for part in field.split(",")):
            raise ValueError(f"the {name} field of the cron schedule is not valid")


def _is_cron_part(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    found = re.fullmatch(_CRON_STEP, part)
    if found is None:
        return False
    start, end, step = found.groups()
    if step is not None and (int(step) == 0 or (start != "*" and end is None)):
        return False
    if start == "*":
        return end is None
    bounds = [_cron_number(text, low, names) for text in (start, end) if text is not None]
    return all(low <= n <= high for n in bounds) and bounds == sorted(bounds)


def _cron_number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    return int(text) if text.isdecimal() else -1


def check_port(value: int | str) -> None:
    """Accept a TCP or UDP port, 1 to 65535, as a number or its digits.

    Raises:
        ValueError: it is none.
    """
    text = str(value)
    digits = text.lstrip("0")[:6] if text.isascii() and text.isdecimal() else ""
    if not (digits and int(digits) <= 65535):
        raise ValueError("a port is a number from 1 to 65535")


def check_host(value: str) -> None:
    """Accept a host name or an IP address, without scheme and port.

    Raises:
        ValueError: it is none.
    """
    if not (is_hostname(value) or is_ipv4(value) or is_ipv6(value)):
        raise ValueError("a host is a name or an IP address, without scheme and port")
