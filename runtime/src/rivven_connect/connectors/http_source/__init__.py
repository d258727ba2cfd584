"""The http source."""

from rivven_connect.connectors.http_source.source import HttpSource

__all__ = ["HttpSource"]
