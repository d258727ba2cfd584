"""Registries: which class answers to which name, registered by hand or by entry point."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import msgspec

from rivven_connect._connector import Connector
from rivven_connect._errors import ConnectorError
from rivven_connect._importing import import_connector
from rivven_connect._installed import (
    Located,
    LookupFailure,
    aliases_of,
    find_installed,
    installed,
    is_folder_text,
    locate,
    unknown_connector,
)
from rivven_connect._json import JsonObject
from rivven_connect._sink import Sink
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorSpec, config_schema
from rivven_connect._transform import Transform

C = TypeVar("C", bound=Connector[Any])


class RunState(enum.StrEnum):
    """What became of a registered connector."""

    REGISTERED = "registered"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"


class Factory(msgspec.Struct, Generic[C], frozen=True):
    """Makes connectors of one class."""

    name: str
    cls: type[C]
    config_cls: type[Any]

    def spec(self) -> ConnectorSpec:
        """Return what the connector is."""
        return self.cls.spec()

    def config_schema(self, spec: ConnectorSpec | None = None) -> JsonObject:
        """Return the JSON Schema of the config: what the spec says, else what the class says."""
        # Reading it from its file takes as long as reading a small pipeline file.
        return (spec or self.spec()).config_schema or config_schema(self.config_cls)

    def create(self) -> C:
        """Return a new connector; nothing is shared with an earlier one."""
        return self.cls()


class Registry(Generic[C]):
    """Name -> connector of one kind.

    A new registry is empty; `installed()` returns one that also answers for every installed
    connector, each imported when it is first asked for. A plugin that cannot be imported fails
    when *it* is asked for and disturbs no other.
    """

    kind: ClassVar[str]
    contract: ClassVar[type[Any]]

    def __init__(self) -> None:
        self._factories: dict[str, Factory[C]] = {}
        self._aliases: dict[str, str] = {}
        self._states: dict[str, RunState] = {}
        self._instances: dict[str, C] = {}
        self._uses_installed = False

    @classmethod
    def installed(cls) -> Self:
        """Return a registry that knows every installed connector of its kind."""
        found = cls()
        found._uses_installed = True
        return found

    def register(self, name: str, cls: type[C], config_cls: type[Any] | None = None) -> None:
        """Let `name` mean `cls`; the config class is by default the one that `cls` declares.

        Registering the same class again forgets its cached instance.

        Raises:
            ConnectorError: the name already means another class, or `cls` is of another kind.
        """
        if not issubclass(cls, self.contract):
            raise ConnectorError.configuration(
                f"{cls.__qualname__} is no {self.kind}: it does not inherit {self.contract.__name__}"
            )
        known = self._factories.get(name)
        if known is not None and known.cls is not cls:
            raise ConnectorError.configuration(
                f"{self.kind} {name!r} already is {known.cls.__qualname__}; choose another name"
            )
        self._factories[name] = Factory(name, cls, config_cls or cls.config_type)
        self._states[name] = RunState.REGISTERED
        self._instances.pop(name, None)

    def get(self, name: str) -> Factory[C] | None:
        """Return the factory of that name, or of the installed connector with that alias, or None.

        Raises:
            LookupFailure: an installed connector of that name cannot be imported, or two claim it.
        """
        name = self._own_name(name)
        if name not in self._factories and self._uses_installed:
            try:
                found = find_installed(name, self.kind)
            except LookupFailure as failure:
                if failure.code == "RVN701":
                    return None
                raise
            self._aliases[name] = name = found.name
            if name not in self._factories:
                self._factories[name] = self._load(found)
                self._states[name] = RunState.REGISTERED
        return self._factories.get(name)

    def resolve(self, text: str, *, base: Path | None = None) -> Factory[C]:
        """Return the factory that `jsonl`, `source:jsonl` or `./folder` (below `base`) names.

        Raises:
            LookupFailure: `text` names no connector of this kind, or it cannot be imported.
        """
        if is_folder_text(text):
            return self._load(locate(text, kind=self.kind, base=base))
        found = self.get(text.removeprefix(f"{self.kind}:"))
        if found is None:
            raise unknown_connector(text, self.kind, self.names())
        return found

    def get_or_create(self, name: str) -> C:
        """Return the one cached connector of that name, made at the first call.

        Raises:
            LookupFailure: nobody has that name.
        """
        factory = self.resolve(name)
        if factory.name not in self._instances:
            self._instances[factory.name] = factory.create()
        return self._instances[factory.name]

    def names(self) -> Sequence[str]:
        """Return every name, sorted; nothing is imported."""
        plugins = [one.name for one in installed() if one.kind == self.kind]
        return sorted({*self._factories, *(plugins if self._uses_installed else ())})

    def list(self) -> Sequence[tuple[str, ConnectorSpec]]:
        """Return name and spec of every connector; a plugin that fails import is left out."""
        found = []
        for name in self.names():
            try:
                factory = self.get(name)
            except LookupFailure:
                continue
            if factory is not None:
                found.append((name, factory.spec()))
        return found

    def list_with_state(self) -> Sequence[tuple[str, RunState]]:
        """Return name and run state of every connector that was asked for."""
        return sorted(self._states.items())

    def set_state(self, name: str, state: RunState) -> None:
        """Note what became of a registered connector."""
        if name in self._factories:
            self._states[name] = state

    def contains(self, name: str) -> bool:
        """Whether somebody has that name or alias; nothing is imported."""
        return name in self.names() or (
            self._uses_installed
            and any(one.kind == self.kind and name in aliases_of(one) for one in installed())
        )

    __contains__ = contains

    def len(self) -> int:  # the original's name
        """Return how many names there are."""
        return len(self.names())

    __len__ = len  # noqa: A003  # `len()` above is the original's name

    def _own_name(self, name: str) -> str:
        """Return the name that an alias stands for, as far as it was asked for; else the name."""
        return name if name in self._factories else self._aliases.get(name, name)

    def _load(self, found: Located) -> Factory[C]:
        cls = import_connector(found, self.contract)
        return Factory(found.name, cls, cls.config_type)


class SourceRegistry(Registry[Source[Any]]):
    """Name -> source."""

    kind = "source"
    contract = Source


class SinkRegistry(Registry[Sink[Any]]):
    """Name -> sink."""

    kind = "sink"
    contract = Sink


class TransformRegistry(Registry[Transform[Any]]):
    """Name -> transform."""

    kind = "transform"
    contract = Transform


class Registries(msgspec.Struct, frozen=True):
    """The three registries together."""

    sources: SourceRegistry
    sinks: SinkRegistry
    transforms: TransformRegistry

    @classmethod
    def empty(cls) -> Self:
        """Return registries that know nothing."""
        return cls(SourceRegistry(), SinkRegistry(), TransformRegistry())

    @classmethod
    def installed(cls) -> Self:
        """Return registries that know everything that is installed."""
        return cls(
            SourceRegistry.installed(), SinkRegistry.installed(), TransformRegistry.installed()
        )

    def of(self, kind: str) -> Registry[Any]:
        """Return the registry of one kind."""
        by_kind: dict[str, Registry[Any]] = {
            "source": self.sources,
            "sink": self.sinks,
            "transform": self.transforms,
        }
        return by_kind[kind]
