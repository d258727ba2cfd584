"""The sqlite source."""

from rivven_connect.connectors.sqlite_source.source import SqliteSource

__all__ = ["SqliteSource"]
