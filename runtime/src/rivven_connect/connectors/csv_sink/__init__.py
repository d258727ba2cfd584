"""The csv sink."""

from rivven_connect.connectors.csv_sink.sink import CsvSink

__all__ = ["CsvSink"]
