"""The `Link` header (RFC 8288)."""

from __future__ import annotations

import re

from rivven_connect.http._message import HttpResponse

_LINK = re.compile(
    r'<(?P<target>[^<>"\s]+)>(?P<parameters>(?:\s*;\s*[\w!#$&+.^`|~*-]+\s*(?:=\s*(?:"[^"]*"|[^\s;,"]*))?)*)'
)
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))', re.IGNORECASE)


def link_url(answer: HttpResponse, relation: str = "next") -> str | None:
    """Return where the link of that relation leads, as it is written; None if there is none.

    It may be relative to the answer's URL, and may lead anywhere: `HttpClient.request` refuses what
    leaves the origin.
    """
    lines = [value for name, value in answer.headers.items() if name.lower() == "link"]
    for link in _LINK.finditer(", ".join(lines)):
        rel = _REL.search(link["parameters"])
        if rel and relation.lower() in (rel[1] or rel[2] or "").lower().split():
            return link["target"]
    return None
