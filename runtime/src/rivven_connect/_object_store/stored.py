"""What a list says of an object."""

from __future__ import annotations

import datetime

import msgspec


class StoredObject(msgspec.Struct, frozen=True):
    """An object as it was when it was listed; `etag` is a name of its content, if the store gives one."""

    key: str
    size: int
    modified: datetime.datetime
    etag: str | None
