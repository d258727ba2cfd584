"""The route transform."""

from rivven_connect.connectors.route_transform.transform import RouteTransform

__all__ = ["RouteTransform"]
