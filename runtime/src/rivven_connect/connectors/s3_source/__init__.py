"""The s3 source."""

from rivven_connect.connectors.s3_source.source import S3Source

__all__ = ["S3Source"]
