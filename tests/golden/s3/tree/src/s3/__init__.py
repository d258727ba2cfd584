"""The s3 sink."""

from s3.sink import S3

__all__ = ["S3"]
