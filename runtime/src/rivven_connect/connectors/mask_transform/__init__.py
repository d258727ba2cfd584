"""The mask transform."""

from rivven_connect.connectors.mask_transform.transform import MaskTransform

__all__ = ["MaskTransform"]
