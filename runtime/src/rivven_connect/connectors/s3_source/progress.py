"""Which objects were read, and how far the one that is being read.

A store lists objects by key, not by age, and S3 dates an object by the start of its upload, in
seconds. So an object may appear that is older than others that were read. The state therefore names
what was read of the last `overlap` before the newest object; what is older than that counts as read.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import logging
from collections.abc import Iterable
from typing import Self

from rivven_connect import ConnectorError, JsonObject, StreamState
from rivven_connect._object_store.stored import StoredObject

_NAMES_A_RECORD = 4
"""Names of seen objects that a state may hold for each record since the last one, so that the work
stays in proportion to the records."""

_log = logging.getLogger("rivven_connect.s3_source")


def version_of(stored: StoredObject) -> str:
    """Return what the object's content is named by: its etag, or if there is none, its time."""
    return stored.etag or stored.modified.isoformat()


class Progress:
    """What the state of the stream says, moved on while objects are read."""

    def __init__(self, overlap_secs: int) -> None:
        self._overlap = datetime.timedelta(seconds=overlap_secs)
        self._horizon: datetime.datetime | None = None
        self._seen: dict[str, int] = {}
        self._given: dict[str, int] | None = None
        self._reading: JsonObject = {}

    @classmethod
    def resumed(cls, overlap_secs: int, saved: StreamState | None) -> Self:
        """Return what was saved.

        Raises:
            ConnectorError: the state is not one of this source.
        """
        found = cls(overlap_secs)
        if saved is None:
            return found
        found._seen = dict(saved.get("seen", dict[str, int]) or {})
        found._reading = dict(saved.get("reading", dict) or {})
        horizon = saved.get("horizon", str)
        found._horizon = None if horizon is None else _moment(horizon)
        return found

    def pending(self, listed: Iterable[StoredObject]) -> list[StoredObject]:
        """Return the objects that are not read, oldest first; before them the one that was begun."""
        found = [stored for stored in listed if not self._is_read(stored)]
        begun = self._reading.get("object")
        found.sort(key=lambda one: (_name(one) != begun, one.modified, one.key))
        if begun and not (found and _name(found[0]) == begun):
            _log.warning(
                "an object that was read in part is gone, or another has its key: %s",
                self._reading.get("key"),
            )
            self._reading = {}
        return found

    def resume_point(self, stored: StoredObject) -> JsonObject:
        """Return where to go on in the object; empty at its start."""
        if self._reading.get("object") != _name(stored):
            return {}
        at = self._reading.get("at")
        return dict(at) if isinstance(at, dict) else {}

    def moved(self, stored: StoredObject, at: JsonObject) -> JsonObject:
        """Return the state after a part of the object; `at` is where its rest begins."""
        self._reading = {"key": stored.key, "object": _name(stored), "at": at}
        return self.state()

    def finish(self, stored: StoredObject, following: StoredObject | None) -> None:
        """Note that the object was read to its end, and that `following` is the oldest of the others."""
        self._reading = {}
        self._see(stored)
        # A file may be dated in the future, and what follows it is not.
        newest = min(stored.modified, datetime.datetime.now(datetime.UTC))
        if following is not None:
            newest = min(newest, following.modified)
        horizon = newest - self._overlap
        if self._horizon is None or horizon > self._horizon:
            self._horizon = horizon

    def is_worth_a_state(self, records: int) -> bool:
        """Whether so many records since the last state pay for one, which names every seen object."""
        return records >= len(self._seen) // _NAMES_A_RECORD

    def state(self) -> JsonObject:
        """Return what to save; it stays as it is when the reading goes on."""
        if self._given is None:
            oldest = int(self._horizon.timestamp()) if self._horizon is not None else 0
            self._seen = {name: at for name, at in self._seen.items() if at >= oldest}
            self._given = dict(self._seen)
        found: JsonObject = {"seen": self._given}
        if self._horizon is not None:
            found["horizon"] = self._horizon.isoformat()
        if self._reading:
            found["reading"] = self._reading
        return found

    def _is_read(self, stored: StoredObject) -> bool:
        if self._horizon is not None and stored.modified < self._horizon:
            return True
        if _name(stored) not in self._seen:
            return False
        self._see(stored)  # written again since, with the same content
        return True

    def _see(self, stored: StoredObject) -> None:
        name, at = _name(stored), int(stored.modified.timestamp())
        if self._seen.get(name, -1) < at:
            self._seen[name] = at
            self._given = None


def _moment(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ConnectorError.state("`horizon` in the saved state is no time") from None


def _name(stored: StoredObject) -> str:
    """Return a short name of the object with this very content."""
    text = f"{stored.key}\n{version_of(stored)}\n{stored.size}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    return base64.b64encode(digest).decode()
