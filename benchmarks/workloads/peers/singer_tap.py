"""B-W1's source in singer-sdk: a tap that writes messages to standard output."""

from __future__ import annotations

import sys

from orders import order
from singer_sdk import Stream, Tap
from singer_sdk import typing as th

_COUNT = int(sys.argv[1])


class Orders(Stream):
    """Makes up orders."""

    name = "orders"
    primary_keys = ("id",)
    replication_key = None
    schema = th.PropertiesList(
        th.Property("id", th.IntegerType),
        th.Property("created_at", th.StringType),
        th.Property("customer", th.StringType),
        th.Property("status", th.StringType),
        th.Property("currency", th.StringType),
        th.Property("total", th.NumberType),
        th.Property("tax", th.NumberType),
        th.Property("paid", th.BooleanType),
        th.Property(
            "address",
            th.ObjectType(th.Property("city", th.StringType), th.Property("zip", th.StringType)),
        ),
        th.Property("items", th.ArrayType(th.IntegerType)),
    ).to_dict()

    def get_records(self, context):
        """Yield the orders."""
        for number in range(_COUNT):
            yield order(number)


class TapOrders(Tap):
    """A tap of one stream."""

    name = "tap-orders"
    config_jsonschema = th.PropertiesList().to_dict()

    def discover_streams(self):
        """Return the stream."""
        return [Orders(self)]


TapOrders(config={}).sync_all()
