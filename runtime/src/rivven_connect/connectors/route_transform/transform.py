"""The route transform: other streams for events, by name or by record."""

from __future__ import annotations

import msgspec

from rivven_connect import SourceEvent, Transformed
from rivven_connect.connectors.route_transform._generated import (
    RouteTransformBase,
    RouteTransformConfig,
)
from rivven_connect.connectors.route_transform.routing import fill_name, make_condition


class RouteTransform(RouteTransformBase):
    """Takes the first route that holds, else the default."""

    async def open(self, config: RouteTransformConfig) -> None:
        """Prepare the conditions."""
        self._routes = [(make_condition(route), route) for route in config.routes]

    def transform(self, config: RouteTransformConfig, event: SourceEvent) -> Transformed:
        """Return the event in its new stream.

        Raises:
            ConnectorError: a name needs a namespace that the event does not have, or is too long.
        """
        if not event.is_data:
            return event
        for holds, route in self._routes:
            if holds(event):
                stream, namespace = route.stream, route.namespace
                break
        else:
            stream, namespace = config.default_stream or "", None
        if not stream:
            return event
        return msgspec.structs.replace(
            event,
            stream=fill_name(stream, event),
            namespace=fill_name(namespace, event) if namespace else event.namespace,
        )
