"""The filter transform."""

from rivven_connect.connectors.filter_transform.transform import FilterTransform

__all__ = ["FilterTransform"]
