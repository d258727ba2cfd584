"""The rename transform."""

from rivven_connect.connectors.rename_transform.transform import RenameTransform

__all__ = ["RenameTransform"]
