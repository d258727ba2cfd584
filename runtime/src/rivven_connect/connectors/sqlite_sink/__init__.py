"""The sqlite sink."""

from rivven_connect.connectors.sqlite_sink.sink import SqliteSink

__all__ = ["SqliteSink"]
