"""The `Link` header (RFC 8288)."""

from __future__ import annotations

import re

from rivven_connect.http._message import HttpResponse

_NAME = r"[\w!#$&+.^`|~*-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PARAMETER = rf"\s*;\s*({_NAME})\s*(?:=\s*({_QUOTED}|[^\s;,\"]*))?"
_LINK = re.compile(rf'<(?P<target>[^<>"\s]+)>(?P<parameters>(?:{_PARAMETER})*)')
_ONE_PARAMETER = re.compile(_PARAMETER)


def link_url(answer: HttpResponse, relation: str = "next") -> str | None:
    """Return where the link of that relation leads, as it is written; None if there is none.

    It may be relative to the answer's URL, and may lead anywhere: `HttpClient.request` refuses what
    leaves the origin.
    """
    lines = [value for name, value in answer.headers.items() if name.lower() == "link"]
    for link in _LINK.finditer(", ".join(lines)):
        if relation.lower() in _relations(link["parameters"]):
            return link["target"]
    return None


def _relations(parameters: str) -> list[str]:
    """Return what the first `rel` says; what stands in quotes of another parameter says nothing."""
    for name, value in _ONE_PARAMETER.findall(parameters):
        if name.lower() == "rel":
            found: str = value.strip('"').lower()
            return found.split()
    return []
