"""B-W1's source in airbyte-cdk: `read`, with messages to standard output."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import ConnectorSpecification
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams import Stream
from orders import order

_STRING, _NUMBER = {"type": "string"}, {"type": "number"}
SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "created_at": _STRING,
        "customer": _STRING,
        "status": _STRING,
        "currency": _STRING,
        "total": _NUMBER,
        "tax": _NUMBER,
        "paid": {"type": "boolean"},
        "address": {"type": "object", "properties": {"city": _STRING, "zip": _STRING}},
        "items": {"type": "array", "items": {"type": "integer"}},
    },
}


class Orders(Stream):
    """Makes up orders."""

    name = "orders"
    primary_key = "id"

    def __init__(self, count):
        self._count = count

    def get_json_schema(self):
        """Return the schema of an order."""
        return SCHEMA

    def read_records(self, sync_mode, cursor_field=None, stream_slice=None, stream_state=None):
        """Yield the orders."""
        for number in range(self._count):
            yield order(number)


class SourceOrders(AbstractSource):
    """A source of one stream."""

    def spec(self, logger):
        """Return what the config may hold."""
        return ConnectorSpecification(connectionSpecification={"type": "object"})

    def check_connection(self, logger, config):
        """Return that all is well."""
        return True, None

    def streams(self, config):
        """Return the stream."""
        return [Orders(config["count"])]


def main(count: int) -> None:
    """Write config and catalog, then read."""
    Path("config.json").write_text(json.dumps({"count": count}), encoding="utf-8")
    stream = {"name": "orders", "json_schema": SCHEMA, "supported_sync_modes": ["full_refresh"]}
    mode = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    catalog = {"streams": [{"stream": stream, **mode}]}
    Path("catalog.json").write_text(json.dumps(catalog), encoding="utf-8")
    launch(SourceOrders(), ["read", "--config", "config.json", "--catalog", "catalog.json"])


main(int(sys.argv[1]))
