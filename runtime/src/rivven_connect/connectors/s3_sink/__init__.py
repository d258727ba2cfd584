"""The s3 sink."""

from rivven_connect.connectors.s3_sink.sink import S3Sink

__all__ = ["S3Sink"]
