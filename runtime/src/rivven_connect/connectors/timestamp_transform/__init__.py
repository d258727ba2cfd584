"""The timestamp transform."""

from rivven_connect.connectors.timestamp_transform.transform import TimestampTransform

__all__ = ["TimestampTransform"]
