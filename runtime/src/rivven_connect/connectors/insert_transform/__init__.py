"""The insert transform."""

from rivven_connect.connectors.insert_transform.transform import InsertTransform

__all__ = ["InsertTransform"]
