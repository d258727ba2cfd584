"""The messages that a client sends and gets."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec

from rivven_connect._errors import ConnectorError
from rivven_connect._json import Json, decode_json
from rivven_connect._problems import escape_text
from rivven_connect._redaction import register_secret
from rivven_connect._secret import Secret
from rivven_connect.http._urls import parse_url, shown

if TYPE_CHECKING:
    from yarl import URL

T = TypeVar("T")

Headers: TypeAlias = Mapping[str, str | Secret]
"""Names and values; a `Secret` is masked in all output."""

Query: TypeAlias = Mapping[str, str | Secret]
"""Names and values of parameters; likewise."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What no value may hold. Compiled in a twentieth of the time that the characters it may hold take."""
_OWN = frozenset({"connection", "content-length", "host", "te", "trailer", "transfer-encoding"})
"""Headers that say how the message itself travels; a caller's value could make two messages of one."""
_HARMLESS = frozenset({"accept", "accept-encoding", "content-type", "user-agent"})
"""Headers whose values need no masking where the other side repeats them."""


@dataclasses.dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer that was accepted."""

    status: int
    headers: Mapping[str, str]
    """Names are case-insensitive."""
    body: bytes = dataclasses.field(repr=False)
    url: str = dataclasses.field(repr=False)
    """Where the answer came from, after redirects."""

    def json(self) -> Json:
        """Return the body as JSON.

        Raises:
            ConnectorError: it is none; what stands between us and the server may have answered.
        """
        return self.decoded(decode_json)

    def decoded(self, decode: Callable[[bytes], T]) -> T:
        """Return what `decode`, a decoder of JSON, makes of the body.

        Raises:
            ConnectorError: the body is not JSON, or not what the decoder takes.
        """
        try:
            return decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise ConnectorError.transient(
                f"HTTP {self.status} from {shown(parse_url(self.url))}: the body is not JSON"
                f"{self._content_type()}"
            ) from None

    def _content_type(self) -> str:
        """Return what the answer calls itself, where that is something else than JSON."""
        said = self.headers.get("Content-Type", "").partition(";")[0].strip()
        return f", but {escape_text(said, limit=60)}" if said and "json" not in said.lower() else ""


class Request(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One message to send; `deadline` is in the loop's time."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None
    deadline: float

    @property
    def where(self) -> str:
        """Method and URL as messages and logs show them."""
        return f"{self.method} {shown(self.url)}"

    def __str__(self) -> str:
        return self.where

    @property
    def private(self) -> set[str]:
        """What was sent and must not be shown if the other side repeats it."""
        found = {value for name, value in self.headers.items() if name.lower() not in _HARMLESS}
        found.update(self.url.query.values())
        found.update(part.partition("=")[2] for part in self.url.raw_query_string.split("&"))
        return found


def revealed(values: Mapping[str, str | Secret]) -> dict[str, str]:
    """Return values as they are sent; those that are secret are masked in all output from now on."""
    found = {}
    for name, value in values.items():
        if isinstance(value, Secret):
            register_secret(value.reveal())
        found[name] = value.reveal() if isinstance(value, Secret) else value
    return found


def merged_headers(*parts: Headers) -> dict[str, str]:
    """Return headers as they are sent; a later one replaces an earlier one of the same name.

    Raises:
        ConnectorError: a header is not legal; the message names it and does not repeat its value.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, text in (item for part in parts for item in revealed(part).items()):
        if not _TOKEN.fullmatch(name) or name.lower() in _OWN:
            raise ConnectorError.configuration(f"a header cannot be named {name[:60]!r}")
        if _CONTROL.search(text):
            raise ConnectorError.configuration(f"the value of header {name} is not legal")
        found[name.lower()] = (name, text)
    return dict(found.values())
