"""The cast transform."""

from rivven_connect.connectors.cast_transform.transform import CastTransform

__all__ = ["CastTransform"]
