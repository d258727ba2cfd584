"""The csv source."""

from rivven_connect.connectors.csv_source.source import CsvSource

__all__ = ["CsvSource"]
