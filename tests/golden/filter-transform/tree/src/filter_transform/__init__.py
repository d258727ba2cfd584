"""The filter-transform transform."""

from filter_transform.transform import FilterTransform

__all__ = ["FilterTransform"]
