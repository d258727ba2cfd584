"""obstore's exceptions as ours, in one place, most specific first.

Their texts hold URLs, which may hold signatures, and what the server answered; of these, only the
status and the name of the error are repeated.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Mapping

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from rivven_connect._errors import ConnectorError, FatalError

FAILURES = (BaseError, OSError, ValueError)
"""What obstore raises."""

_STATUS = re.compile(r"status code: ([0-9]{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,80})</Code>")
_HTTP_KIND = re.compile(r"HttpError \{\s*kind: (\w+)")
_SYSTEM_CODE = re.compile(r"^Generic LocalFileSystem error(?s:.*)\bOs \{\s*code: (\d{1,5}),")
_SYSTEM_TEXT = re.compile(r'kind: \w+,\s*message: "([^"\\]{1,200})"')
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_INVALID_KEY = re.compile(r'path: "((?:[^"\\]|\\.){1,300})"')
_METADATA_HOSTS = ("http://169.254.169.254/", "http://metadata", "http://169.254.170.2/")

_BAD_CREDENTIALS = frozenset(
    (
        "AuthenticationFailed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    )
)
_BUSY = frozenset(("SlowDown", "ServerBusy", "TooManyRequests", "RequestLimitExceeded"))

_REFUSED = "the credentials are refused"
_MISSING = "there is no such bucket or object"
_NO_BUCKET = "there is no such bucket, and none is made; check its name and region, or make it"
_ELSEWHERE = "the bucket is elsewhere; are region and endpoint right?"
_REFUSALS = {
    "badscheme": "plain http is used only if `endpoint` says so",
    "received redirect without location": _ELSEWHERE,  # S3 leaves it out
    "certificate": "the certificate is not trusted",
}
_WRONG = {301: _ELSEWHERE, 302: _ELSEWHERE, 307: _ELSEWHERE, 308: _ELSEWHERE}

Maker = Callable[[str], ConnectorError]

_BY_CLASS: tuple[tuple[type | tuple[type, ...], Maker, str], ...] = (
    (UnauthenticatedError, ConnectorError.auth, _REFUSED),
    (
        (PermissionDeniedError, PermissionError),
        ConnectorError.permission,
        "the credentials do not allow this",
    ),
    (FileNotFoundError, ConnectorError.not_found, _MISSING),
    (PreconditionError, ConnectorError.transient, "the object was changed meanwhile"),
    (AlreadyExistsError, ConnectorError.transient, "another request is changing the object"),
    (
        (InvalidPathError, ValueError),
        FatalError,
        "a part of the key is empty, of dots alone, or illegal otherwise",
    ),
)

_BROKEN: Mapping[str, tuple[Maker, str]] = {
    "Timeout": (ConnectorError.timeout, "no whole answer in time"),
    "Connect": (ConnectorError.connection, "the store cannot be reached; is `endpoint` right?"),
}


def mapped(error: Exception, where: str) -> ConnectorError | OSError:
    """Return what a failed call means; `where` says what was done to what.

    That the disk of a local folder is full is an `OSError`, by which the engine knows it.
    """
    text = str(error)
    system = _number(_SYSTEM_CODE.search(text))
    if system in _FULL:
        return OSError(system, f"{where}: {os.strerror(system)}")
    status = _number(_STATUS.search(text))
    code = _CODE.search(text)
    name = code[1] if code else ""
    make, reason = _meaning(error, text, status, name)
    if isinstance(error, InvalidPathError) and (key := _INVALID_KEY.search(text)):
        reason = f"{key[1]}: {reason}"
    if status is not None:
        reason = f"HTTP {status}{f' {name}' if name else ''}: {reason}"
    return make(f"{where}: {reason}")


def _meaning(error: Exception, text: str, status: int | None, code: str) -> tuple[Maker, str]:
    if any(host in text.split(" in ", 1)[0] for host in _METADATA_HOSTS):
        return ConnectorError.connection, "no credentials were given, and the environment has none"
    if code in _BAD_CREDENTIALS:
        return ConnectorError.auth, _REFUSED
    if status == 404:
        is_bucket = code in {"NoSuchBucket", "ContainerNotFound"}
        return ConnectorError.not_found, _NO_BUCKET if is_bucket else _MISSING
    for kinds, make, reason in _BY_CLASS:
        if isinstance(error, kinds):
            return make, reason
    return _of_no_class(text, status, code)


def _of_no_class(text: str, status: int | None, code: str) -> tuple[Maker, str]:
    if status is None:
        return _without_answer(text)
    if status in {429, 503} or code in _BUSY:
        return ConnectorError.rate_limited, "the store asks for fewer requests"
    if status == 408 or code == "RequestTimeout":
        return ConnectorError.timeout, "no whole request in time"
    if status >= 500:
        return ConnectorError.transient, "the store has failed"
    return ConnectorError.configuration, _WRONG.get(status, "the request is refused")


def _without_answer(text: str) -> tuple[Maker, str]:
    if text.startswith("Generic LocalFileSystem error"):
        found = _SYSTEM_TEXT.search(text)
        return ConnectorError.io, found[1] if found else "the file system refuses it"
    for part, reason in _REFUSALS.items():
        if part in text.lower():
            return ConnectorError.configuration, reason
    kind = _HTTP_KIND.search(text)
    return _BROKEN.get(kind[1] if kind else "", (ConnectorError.connection, "the connection broke"))


def _number(found: re.Match[str] | None) -> int | None:
    return int(found[1]) if found else None
