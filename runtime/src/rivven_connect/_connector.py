"""What sources, sinks and transforms have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from rivven_connect._errors import ConnectorError, InputError
from rivven_connect._json import JsonObject
from rivven_connect._spec import ConnectorSpec, GeneratedSpec
from rivven_connect.config import ConfigModel

ConfigT = TypeVar("ConfigT", bound=ConfigModel)


class Connector(Generic[ConfigT]):
    """Life cycle and description of every connector.

    Order: `open`, then the work, then `close`; `close` always runs, once, also when `open` failed
    half-way.
    """

    config_type: ClassVar[type[Any]]
    """The config class."""

    spec_type: ClassVar[type[GeneratedSpec]]
    """The generated `...ConfigSpec`."""

    @classmethod
    def spec(cls) -> ConnectorSpec:
        """Return what this connector is."""
        return cls.spec_type.spec()

    @classmethod
    def config_schema_json(cls) -> JsonObject:
        """Return the JSON Schema of the config."""
        return cls.spec().config_schema

    @classmethod
    def validate_config(cls, values: Mapping[str, Any]) -> ConfigT:
        """Return the config that plain values describe.

        Raises:
            ConnectorError: of kind `config`; the message names each pointer and rule.
        """
        try:
            found: ConfigT = cls.config_type.parse(values)
        except InputError as error:
            raise ConnectorError.configuration(str(error)) from error
        return found

    async def open(self, config: ConfigT) -> None:
        """Build clients; connect lazily, so that `check` can say what is wrong."""

    async def close(self) -> None:
        """Close what `open` built; called once, also after a failed `open`."""
