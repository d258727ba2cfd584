"""One bucket: objects are put whole, listed, and read by ranges.

Everything here blocks, hence is called in threads. obstore's own `async` functions finish in threads
of its runtime, which then need the interpreter: where that is ending, the process aborts. For the
same reason, what is sent is copied to memory that is not Python's.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from rivven_connect._errors import ConnectorError
from rivven_connect._object_store.clients import Settings, open_store
from rivven_connect._object_store.failures import FAILURES, mapped
from rivven_connect._object_store.stored import StoredObject
from rivven_connect._problems import escape_text
from rivven_connect._stream_paths import require_creatable, sync_folder

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

_PART_BYTES = 8 * 1024 * 1024
"""What is larger is sent in parts of this size; they become an object when the last one is there."""
_PARTS_AT_ONCE = 4


class Bucket:
    """Its keys are the ones that people see, also where a provider's bucket is a folder of a folder."""

    def __init__(self, settings: Settings) -> None:
        self.name: str = settings["bucket"]
        self._store = open_store(settings)
        self._provider: str = settings["provider"]
        self._root: Path | None = None
        if self._provider == "local":
            self._root = Path(settings["local"]["root"])

    def put(self, key: str, content: bytes) -> None:
        """Write an object, which replaces one of that key; it is durable and visible, or not there.

        Raises:
            ConnectorError: whether it was written is not known.
        """
        try:
            obstore.put(
                self._store,
                self._path(key),
                io.BytesIO(content),
                use_multipart=len(content) > _PART_BYTES,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
        except FAILURES as error:
            raise mapped(error, f"writing {self._shown(key)}") from None
        if self._root is not None:
            _sync(self._root / self._path(key), self._root)

    def pages(self, prefix: str) -> Iterator[list[StoredObject]]:
        """Yield all objects of a folder and those below it, as the store's pages have them.

        Raises:
            ConnectorError: the list is not whole.
        """
        if self._root is not None and not (self._root / self.name).is_dir():
            raise ConnectorError.not_found(
                f"{self._root / self.name} is not there, or is no folder"
            )
        try:
            for page in obstore.list(self._store, self._path(prefix), chunk_size=1000):
                yield [self._stored(meta) for meta in page]
        except FAILURES as error:
            raise mapped(error, f"listing {self._shown(prefix)}") from None

    def require_readable(self, prefix: str) -> None:
        """Return if the bucket can be listed.

        Raises:
            ConnectorError: the reason why not.
        """
        next(self.pages(prefix), None)

    def require_reachable(self, prefix: str) -> None:
        """Return if the bucket can be listed, or where it is a folder, made.

        Raises:
            ConnectorError: the reason why not.
        """
        if self._root is None:
            self.require_readable(prefix)
        else:
            require_creatable(self._root / self.name)

    def read(self, stored: StoredObject, start: int, end: int) -> bytes:
        """Return the bytes from `start` to before `end`.

        Raises:
            ConnectorError: they cannot be had, or the object is not the one that was listed.
        """
        options: GetOptions = {"range": (start, end)}
        if stored.etag is not None:
            options["if_match"] = stored.etag
        where = f"reading {self._shown(stored.key)}"
        try:
            found = obstore.get(self._store, self._path(stored.key), options=options)
            content = found.bytes().to_bytes()
        except FAILURES as error:
            raise mapped(error, where) from None
        is_same = found.meta["size"] == stored.size
        if stored.etag is None:
            is_same = is_same and found.meta["last_modified"] == stored.modified
        if not is_same:
            raise ConnectorError.transient(f"{where}: the object was changed meanwhile")
        if len(content) != end - start:
            raise ConnectorError.connection(f"{where}: the answer ends before its end")
        return content

    def _path(self, key: str) -> str:
        return key if self._root is None else f"{self.name}/{key}".rstrip("/")

    def _stored(self, meta: ObjectMeta) -> StoredObject:
        key = meta["path"]
        if self._root is not None:
            key = key.removeprefix(f"{self.name}/")
        return StoredObject(key, meta["size"], meta["last_modified"], meta["e_tag"])

    def _shown(self, key: str) -> str:
        return f"{self._provider} bucket {self.name}, {escape_text(key or '/', limit=300)}"


def _sync(path: Path, root: Path) -> None:
    """Bring a file, its name and the names of the folders above it to the disk, up to the root."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    for folder in path.parents:
        sync_folder(folder)
        if folder == root:
            break
