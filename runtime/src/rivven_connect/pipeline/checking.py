"""Asks every connector of a pipeline whether it can do its work; nothing is read or written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from rivven_connect._adapters import check_connector, opened
from rivven_connect._checks import CheckResult
from rivven_connect._json import JsonObject
from rivven_connect._network import set_network_policy
from rivven_connect.pipeline.failures import stop_error
from rivven_connect.pipeline.plan import PipelinePlan, SourcePlan
from rivven_connect.pipeline.selection import configured_catalog


class ConnectorCheck(msgspec.Struct, frozen=True):
    """What came of checking one source or sink."""

    kind: str
    name: str
    result: CheckResult

    def to_dict(self) -> JsonObject:
        """Return the check as plain JSON, for `--json`."""
        return {"kind": self.kind, "name": self.name, **self.result.to_json()}


async def check_pipeline(plan: PipelinePlan) -> AsyncIterator[ConnectorCheck]:
    """Yield the check of every source, then of every sink."""
    set_network_policy(plan.settings.network)
    for source in plan.sources:
        result = await check_connector(source.factory.create(), source.config)
        yield ConnectorCheck("source", source.name, result)
    for sink in plan.sinks:
        result = await check_connector(sink.factory.create(), sink.config)
        yield ConnectorCheck("sink", sink.name, result)


async def check_selection(plan: PipelinePlan, source: SourcePlan) -> list[str]:
    """Return the streams that a source would read.

    Raises:
        RivvenError: it cannot say what it offers, or does not offer what was chosen.
    """
    set_network_policy(plan.settings.network)
    connector = source.factory.create()
    try:
        async with opened(connector, source.config):
            catalog = await connector.discover(source.config)
            chosen = configured_catalog(source, catalog, plan.loaded)
    except Exception as error:
        raise stop_error(f"source {source.name!r} cannot be discovered", error) from error
    return [one.stream.full_name() for one in chosen.streams]
