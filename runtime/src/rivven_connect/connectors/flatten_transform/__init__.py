"""The flatten transform."""

from rivven_connect.connectors.flatten_transform.transform import FlattenTransform

__all__ = ["FlattenTransform"]
