"""The postgres sink."""

from rivven_connect.connectors.postgres_sink.sink import PostgresSink

__all__ = ["PostgresSink"]
