"""URLs: which ones are legal, where they lead, and how a log shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from rivven_connect._errors import ConnectorError
from rivven_connect._problems import escape_text
from rivven_connect._secret import MASK

if TYPE_CHECKING:
    from yarl import URL

_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")
"""What one parser takes for a separator and another does not."""


def parse_url(text: str) -> URL:
    """Return an `http` or `https` URL with a host and without credentials.

    Raises:
        ConnectorError: it is another thing; the message does not repeat it.
    """
    from yarl import URL  # noqa: PLC0415  # comes with the extra `http`

    try:
        url = URL(_unambiguous(text))
        legal = url.scheme in {"http", "https"} and bool(url.host) and url.port is not None
    except ValueError:
        legal = False
    if not legal:
        raise ConnectorError.configuration("the URL is not an http or https URL with a host")
    if url.user is not None or url.password is not None:
        raise ConnectorError.configuration(
            "the URL holds credentials; give them as auth, where they are treated as secret"
        )
    return url.with_fragment(None)


def same_origin_url(base: str, link: str) -> str:
    """Return where `link`, found in an answer of `base`, leads: always to the origin of `base`.

    The origin is scheme, host and port (RFC 6454, section 4). `link` may be relative.

    Raises:
        ConnectorError: it leads elsewhere, or is no URL.
    """
    return str(resolve(parse_url(base), link))


def resolve(base: URL, link: str) -> URL:
    """Return where `link` leads, seen from `base`.

    Raises:
        ConnectorError: to another origin, or it is no URL.
    """
    from yarl import URL  # noqa: PLC0415

    try:
        found = parse_url(str(base.join(URL(_unambiguous(link)))))
    except ValueError:
        raise ConnectorError.configuration("a link that is not a URL is not followed") from None
    # yarl's own comparison tells `:443` from a port that is not named.
    if (found.scheme, found.raw_host, found.port) != (base.scheme, base.raw_host, base.port):
        raise ConnectorError.configuration(
            f"a link leads from {base.origin()} to another origin, "
            f"{escape_text(str(found.origin()), limit=100)}, and is not followed"
        )
    return found


def with_parameters(url: URL, values: Mapping[str, str]) -> URL:
    """Return the URL with parameters instead of those of the same name.

    The others stay as they are written: decoded and encoded again, some would be different ones.
    """
    kept = [
        part
        for part in url.raw_query_string.split("&")
        if part and unquote_plus(part.partition("=")[0]) not in values
    ]
    bare = url.with_query(None)
    return type(url)(f"{bare}?{'&'.join(kept)}", encoded=True).extend_query(values)


def shown(url: URL) -> str:
    """Return origin and path, and the query with its values masked."""
    text = f"{url.origin()}{url.raw_path}"
    if url.raw_query_string:
        text += "?" + "&".join(f"{key}={MASK}" for key in url.query)
    return escape_text(text, limit=300)


def _unambiguous(text: str) -> str:
    if _AMBIGUOUS.search(text):
        raise ValueError("a URL holds no spaces, control characters or backslashes")
    return text
