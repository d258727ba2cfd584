"""The parquet sink."""

from rivven_connect.connectors.parquet_sink.sink import ParquetSink

__all__ = ["ParquetSink"]
