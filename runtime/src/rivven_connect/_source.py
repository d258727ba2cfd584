"""The source contract."""

from __future__ import annotations

from abc import ABC
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar, TypeVar

from rivven_connect import _hooks
from rivven_connect._batch import Item
from rivven_connect._catalog import Catalog, ConfiguredCatalog, ConfiguredStream
from rivven_connect._checks import CheckResult
from rivven_connect._connector import Connector
from rivven_connect._errors import ConnectorError, HookMissing
from rivven_connect._json import Json
from rivven_connect._state import State
from rivven_connect._streams import Records, StreamSet
from rivven_connect.config import ConfigModel

ConfigT = TypeVar("ConfigT", bound=ConfigModel)


class Source(Connector[ConfigT], ABC):
    """Reads from a system.

    The usual way is to fill the `read_<stream>` hooks that the generated base declares; `read`,
    `check` and `discover` then work as they are. A source that wants full control overrides `read`.
    """

    streams: ClassVar[StreamSet] = StreamSet()
    """The declared streams."""

    checks: ClassVar[Sequence[_hooks.CheckHook]] = ()
    """The declared check hooks."""

    async def check(self, config: ConfigT) -> CheckResult:
        """Say whether the source can do its work; by default, run the declared check hooks."""
        return await _hooks.run_checks(self, self.checks, config)

    async def discover(self, config: ConfigT) -> Catalog:
        """Return what can be read; by default, the declared streams."""
        schemas = self.spec_type.catalog_schemas() if list(self.streams) else {}
        return Catalog([spec.stream(schemas.get(spec.full_name(), {})) for spec in self.streams])

    def read(
        self, config: ConfigT, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        """Yield events, batches and unreadable records of the chosen streams.

        An event's or batch's `state` means "everything up to here": the runtime saves it once
        all of that is durable, and passes the saved states in `state` next time.

        Raises:
            ConnectorError: what went wrong; everything yielded before it still counts.
        """
        return _hooks.read_streams(self, config, catalog, state)

    def read_discovered(
        self, config: ConfigT, chosen: ConfiguredStream, cursor: Json
    ) -> Records[Any]:
        """Yield the records of a stream that `discover` found and the manifest does not declare.

        The hook of all such streams, with the rules of `read_<stream>`: cursor field, its order and
        primary key are those of the stream in the catalog. A source that is generated without
        streams says `read = Source.read` to be read so.

        Raises:
            ConnectorError: the source has no such streams.
        """
        raise ConnectorError.configuration(
            f"{type(self).__name__} declares no stream {chosen.stream.full_name()!r}"
        )

    def poll_interval_ms(self, config: ConfigT) -> float | None:
        """Return how long after one pass over the streams the next begins; None ends after one.

        Only for streams that are read through hooks.
        """
        return None

    async def acknowledge(self, config: ConfigT, state: State) -> None:
        """Tell the outside world that everything up to `state` is durable.

        Cumulative, never overlapping, only after the commit, and once more at start with the loaded
        state, hence idempotent. A failure is retried and never undoes the commit.
        """

    async def latest(self, config: ConfigT, stream: str) -> Json:
        """Return the end of what can be read now of a stream, by full name (`partitioned: true`)."""
        raise HookMissing("latest")

    async def plan(self, config: ConfigT, stream: str, start: Json, end: Json) -> Sequence[Json]:
        """Split `start` to `end` into ranges that can be read apart (`partitioned: true`).

        Called once for each stream that is read whole, with None as the start and `latest` as the
        end. The plan is kept with the state, so a partition is JSON, and small; none means that there
        is nothing to read.
        """
        raise HookMissing("plan")

    def read_partition(self, config: ConfigT, stream: str, partition: Any) -> Records[Any]:
        """Yield the records of one range (`partitioned: true`); several are read at once.

        A `Page` may have as its cursor the partition that is left behind it: there a crash resumes.
        """
        raise HookMissing("read_partition")
