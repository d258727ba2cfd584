"""The datagen source."""

from rivven_connect.connectors.datagen_source.source import DatagenSource

__all__ = ["DatagenSource"]
