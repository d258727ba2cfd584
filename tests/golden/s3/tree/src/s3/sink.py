"""The s3 sink: the part that talks to the outside world."""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect import HookMissing, SourceEvent, WriteResult

from s3._generated import S3Base, S3Config


class S3(S3Base):
    """Fill the hooks; `rivven test` lists those that are not written yet."""

    async def write_batch(self, config: S3Config, events: Sequence[SourceEvent]) -> WriteResult:
        """Write the events and say which were written."""
        raise HookMissing("write_batch")
