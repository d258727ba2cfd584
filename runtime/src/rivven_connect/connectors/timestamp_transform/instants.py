"""Points in time as whole microseconds since 1970, from and to the forms that data has them in."""

from __future__ import annotations

import datetime
import math
import re
import zoneinfo
from fractions import Fraction
from typing import Any

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_FIRST = (datetime.datetime.min.replace(tzinfo=datetime.UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime.datetime.max.replace(tzinfo=datetime.UTC) - _EPOCH) // _MICROSECOND
_UNITS = {"epoch_secs": 1_000_000, "epoch_millis": 1_000, "epoch_micros": 1}
_LIMITS = {"epoch_secs": 10**11, "epoch_millis": 10**14, "epoch_micros": 10**17}

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_DATE_TIME = re.compile(
    _DATE.pattern + r"[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,100}))?)?"
    r" ?(?:([Zz])|([+-])([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?)?"
)
_COUNT = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")


def load_zone(name: str) -> datetime.tzinfo:
    """Return the IANA time zone of that name.

    Raises:
        ValueError: there is none; the machine may have no database of them.
    """
    if name == "UTC":
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            "no such time zone; on a machine without a time zone database, install `tzdata`"
        ) from None


def to_micros(value: Any, form: str, zone: datetime.tzinfo | None) -> int:
    """Return the microseconds since 1970 in UTC that a value says; finer parts are cut off.

    Args:
        value: a text, or a count since 1970.
        form: one of `auto`, `iso8601`, `date`, `epoch_secs`, `epoch_millis`, `epoch_micros`.
        zone: of texts that name no offset.

    Raises:
        ValueError: the value says no such time; the message does not hold it.
    """
    if form in _UNITS:
        micros = _from_count(value, form)
    elif form == "auto" and not isinstance(value, str):
        micros = _from_count(value, _form_of_count(value))
    elif not isinstance(value, str):
        raise ValueError("it is no text")
    elif form == "date" or (form == "auto" and _DATE.fullmatch(value)):
        micros = _from_date(value, zone)
    else:
        micros = _from_date_time(value, zone)
    if not _FIRST <= micros <= _LAST:
        raise ValueError("it is outside of the years 1 to 9999")
    return micros


def from_micros(micros: int, form: str, zone: datetime.tzinfo) -> int | str:
    """Return a point in time in one of the forms; what is finer is cut off, towards the past.

    Raises:
        ValueError: the zone moves it out of the years 1 to 9999.
    """
    if form in _UNITS:
        return micros // _UNITS[form]
    try:
        local = (_EPOCH + micros * _MICROSECOND).astimezone(zone)
    except OverflowError:
        raise ValueError("it is outside of the years 1 to 9999") from None
    if form == "date":
        return local.date().isoformat()
    if form == "time":
        return local.time().isoformat()
    text = local.isoformat()
    return text.replace("+00:00", "Z") if zone is datetime.UTC else text


def _form_of_count(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for form, limit in _LIMITS.items():
            if abs(value) < limit:
                return form
    raise ValueError("it is no time that `auto` knows; say the form with `from`")


def _from_count(value: Any, form: str) -> int:
    match value:
        case bool():
            raise ValueError("it is no count")
        case int():
            exact = Fraction(value)
        case float() if math.isfinite(value):
            # The shortest decimal that is read as this float: 0.1 seconds are 100000 microseconds.
            exact = Fraction(repr(value))
        case str() if _COUNT.fullmatch(value):
            exact = Fraction(value)
        case _:
            raise ValueError("it is no count")
    return math.floor(exact * _UNITS[form])


def _from_date(text: str, zone: datetime.tzinfo | None) -> int:
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError("the text is no date")
    year, month, day = map(int, found.groups())
    return _since_epoch(_in_zone(datetime.datetime(year, month, day), zone))  # noqa: DTZ001


def _from_date_time(text: str, zone: datetime.tzinfo | None) -> int:
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError("the text is no ISO 8601 date and time")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micro = int((found[7] or "")[:6].ljust(6, "0"))
    naive = datetime.datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001
    if found[8]:
        return _since_epoch(naive.replace(tzinfo=datetime.UTC))
    if found[9] is None:
        return _since_epoch(_in_zone(naive, zone))
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[9:])
    if minutes > 59 or seconds > 59:
        raise ValueError("its offset is none")
    offset = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return _since_epoch(naive.replace(tzinfo=datetime.UTC)) - (offset // _MICROSECOND) * (
        -1 if found[9] == "-" else 1
    )


def _in_zone(naive: datetime.datetime, zone: datetime.tzinfo | None) -> datetime.datetime:
    if zone is None:
        raise ValueError("it names no offset; set `assume_timezone`")
    local = naive.replace(tzinfo=zone)
    try:
        known = local.astimezone(datetime.UTC).astimezone(zone).replace(tzinfo=None) == naive
    except OverflowError:
        raise ValueError("it is outside of the years 1 to 9999") from None
    if not known:
        raise ValueError("a clock change skips it in `assume_timezone`")
    return local


def _since_epoch(at: datetime.datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
