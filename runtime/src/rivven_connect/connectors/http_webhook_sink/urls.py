"""Where a record is posted: the URL, with what it says of the record filled in.

Names of streams and namespaces come from the source, so they are hostile. They stand behind the
host (the manifest's pattern sees to that) and are percent-encoded, so a name is never more than
a part of one path segment or of one query value.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

from rivven_connect import ConnectorError

PLACEHOLDER: Final = re.compile(r"\{(stream|event_type|namespace)\}")

_NO_NAMESPACE = "default"
_MOST_KNOWN = 10_000
"""URLs that are remembered; names without end must not fill the memory."""


class UrlTemplate:
    """The URLs that one config makes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.names = frozenset(PLACEHOLDER.findall(text))
        """The placeholders in it."""
        self._dots = _dot_segments(text)
        self._known: dict[tuple[str, str, str | None], str] = {}

    @property
    def sample(self) -> str:
        """One of them, for a client that wants to know the origin."""
        return PLACEHOLDER.sub("x", self._text)

    @property
    def fixed(self) -> str:
        """What all of them have in common, and is a URL by itself: the folder, or all but the query."""
        if not self.names:
            return self._text
        before = self._text.partition("{")[0]
        path, is_in_query, _ = before.partition("?")
        return path if is_in_query else path[: path.rindex("/") + 1]

    def url(self, stream: str, event_type: str, namespace: str | None) -> str:
        """Return the URL of such records.

        Raises:
            ConnectorError: a name cannot be a part of a URL.
        """
        if not self.names:
            return ""
        found = self._known.get((stream, event_type, namespace))
        if found is None:
            found = self._filled(stream, event_type, namespace)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[stream, event_type, namespace] = found
        return found

    def _filled(self, stream: str, event_type: str, namespace: str | None) -> str:
        values = {
            "stream": stream,
            "event_type": event_type,
            "namespace": namespace or _NO_NAMESPACE,
        }
        try:
            found = PLACEHOLDER.sub(lambda name: quote(values[name[1]], safe=""), self._text)
        except UnicodeEncodeError:
            raise ConnectorError.data("the name of the stream is not Unicode") from None
        # Dots are not encoded, and `..` as a segment would lead out of the folder.
        if _dot_segments(found) != self._dots:
            raise ConnectorError.data("the name of the stream would make a URL lead elsewhere")
        return found


def _dot_segments(url: str) -> int:
    return sum(part in {".", ".."} for part in urlsplit(url).path.split("/"))
