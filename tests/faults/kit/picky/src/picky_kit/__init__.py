"""A transform that fails on some records."""

from __future__ import annotations

from typing import Any

from rivven_connect._errors import ConnectorError
from rivven_connect._events import SourceEvent
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._transform import Transform
from rivven_connect.config import ConfigModel, Integer


class PickyConfig(ConfigModel):
    """Which records fail."""

    every: Integer = 11


class Picky(Transform[PickyConfig]):
    """Fails on the last of every so many ids."""

    config_type = PickyConfig

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(connector_type="picky", version="1.0.0", kind=ConnectorKind.TRANSFORM)

    def transform(self, config: PickyConfig, event: SourceEvent) -> SourceEvent:
        data: Any = event.data
        if data["id"] % config.every == config.every - 1:
            raise ConnectorError.data("refused")
        return event
