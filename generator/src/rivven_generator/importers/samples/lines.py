"""Records of a JSON Lines file, one after the other, each judged before anybody sees it."""

from __future__ import annotations

import json
import math
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, NoReturn

from rivven_connect.documents import InputError, Problem

_LONGEST_LINE: Final = 8 * 1024 * 1024
_DEEPEST: Final = 48
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1
_LONGEST_INTEGER: Final = 20
_HINTS: Final = {
    "RVN860": "write one JSON object per line, in UTF-8",
    "RVN861": "write one object per line, not a list of them",
    "RVN862": "leave the record out of the sample, or correct it",
}


class _Unfit(ValueError):
    """A record that cannot be a sample, and why."""


@contextmanager
def opened_sample(path: str) -> Iterator[BinaryIO]:
    """Open a file or pipe to be read once; `-` is standard input.

    Raises:
        InputError: there is none, or it is a folder or device.
    """
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115  # closed below
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not a path that a file can have"
        raise _input_error(path, "RVN100", f"the file cannot be read: {reason}") from error
    with file:
        mode = os.fstat(file.fileno()).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise _input_error(path, "RVN101", "this is not a regular file")
        yield file


def records_of(file: BinaryIO, path: str, limit: int | None) -> Iterator[dict[str, Any]]:
    """Yield the records of a sample, at most `limit`; blank lines are skipped.

    Never holds more than one line. Raises `InputError` at the first line that is no record; its
    message shows nothing of the line.
    """
    number = taken = 0
    while limit is None or taken < limit:
        line = _next_line(file, path, number + 1)
        if not line:
            return
        number += 1
        if line.strip():
            taken += 1
            yield _record(line, path, number)


def _next_line(file: BinaryIO, path: str, number: int) -> bytes:
    try:
        line = file.readline(_LONGEST_LINE + 1)
    except OSError as error:
        raise _input_error(path, "RVN100", f"the file cannot be read: {error.strerror}") from error
    if len(line) > _LONGEST_LINE:
        _refuse(path, "RVN862", "the record is longer than 8 MiB", number)
    return line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _record(line: bytes, path: str, number: int) -> dict[str, Any]:
    try:
        value = json.loads(
            line.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        _refuse(path, "RVN860", "these bytes are not UTF-8", number, error.start + 1)
    except json.JSONDecodeError as error:
        # A line break inside of the error's position is that of the line's own end.
        _refuse(path, "RVN860", f"not JSON: {error.msg}", number, error.pos + 1)
    except RecursionError:
        _refuse(path, "RVN862", f"the record is nested more than {_DEEPEST} levels deep", number)
    except _Unfit as error:
        _refuse(path, "RVN862", str(error), number)
    if not isinstance(value, dict):
        _refuse(path, "RVN861", "the record is not an object", number)
    if _is_too_deep(value):
        _refuse(path, "RVN862", f"the record is nested more than {_DEEPEST} levels deep", number)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unfit("a key stands twice in one object")
    return found


def _integer(text: str) -> int:
    # The length is asked first: Python refuses to convert more than 4,300 digits.
    if len(text) > _LONGEST_INTEGER or not _SMALLEST <= int(text) <= _LARGEST:
        raise _Unfit("a number does not fit 64 bits")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Unfit("a number does not fit 64 bits")
    return number


def _refuse_constant(_name: str) -> NoReturn:
    raise _Unfit("NaN and Infinity are not JSON")


def _is_too_deep(record: dict[str, Any]) -> bool:
    waiting: list[tuple[Any, int]] = [(record, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, (dict, list)):
            if depth > _DEEPEST:
                return True
            inner = value.values() if isinstance(value, dict) else value
            waiting += [(item, depth + 1) for item in inner if isinstance(item, (dict, list))]
    return False


def _refuse(path: str, code: str, message: str, line: int, column: int = 1) -> NoReturn:
    raise _input_error(path, code, message, line, column)


def _input_error(path: str, code: str, message: str, line: int = 0, column: int = 0) -> InputError:
    problem = Problem(
        code=code,
        message=message,
        hint=_HINTS.get(code, "check the path and that you may read it"),
        path="<stdin>" if path == "-" else path,
        line=line,
        column=column,
    )
    return InputError([problem])
