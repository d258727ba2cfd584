"""The parquet source."""

from rivven_connect.connectors.parquet_source.source import ParquetSource

__all__ = ["ParquetSource"]
