"""Where a source left off: plain JSON per stream, and per source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self, TypeVar, overload

import msgspec

from rivven_connect._errors import ConnectorError
from rivven_connect._json import Json, JsonObject

T = TypeVar("T")

GLOBAL_STREAM = "_state"
"""The name under which a source's global state is kept."""

_MISSING: Any = object()


def _typed(owner: str, key: str, value: Json, type_: Any, default: Any) -> Any:
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        if default is not _MISSING:
            return default
        raise ConnectorError.state(
            f"{owner} holds {key!r} in a form this source does not expect ({error}); "
            "reset its state, or run the version that wrote it"
        ) from error


class StreamState:
    """The state of one stream: a JSON object, with a cursor field and value where it has one."""

    __slots__ = ("_data", "stream_name")

    def __init__(self, stream_name: str, data: Mapping[str, Json] | None = None) -> None:
        self.stream_name = stream_name
        self._data: JsonObject = dict(data or {})

    def __repr__(self) -> str:
        return f"StreamState({self.stream_name!r}, {sorted(self._data)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StreamState):
            return NotImplemented
        return self.stream_name == other.stream_name and self._data == other._data

    __hash__ = None  # type: ignore[assignment]  # mutable, hence not a key

    def to_json(self) -> JsonObject:
        """Return a copy as plain JSON."""
        return dict(self._data)

    @overload
    def get(self, key: str) -> Json: ...
    @overload
    def get(self, key: str, type_: type[T]) -> T | None: ...
    @overload
    def get(self, key: str, type_: type[T], default: T) -> T: ...
    def get(self, key: str, type_: Any = Any, default: Any = _MISSING) -> Any:
        """Return the value under `key` as `type_`; None, or `default`, where there is none.

        Raises:
            ConnectorError: the value is of another type and no default is given. Taking that for
                "no state" would silently read everything again.
        """
        if key not in self._data:
            return None if default is _MISSING else default
        return _typed(f"state of stream {self.stream_name!r}", key, self._data[key], type_, default)

    @property
    def data(self) -> JsonObject:
        """The object itself; changes to it change the state."""
        return self._data

    def set_data(self, key: str, value: Json) -> None:
        """Set one entry."""
        self._data[key] = value

    def get_data(self, key: str) -> Json:
        """Return one entry, or None."""
        return self._data.get(key)

    def get_data_as(self, key: str, type_: type[T]) -> T | None:
        """Return one entry as `type_`, or None where there is none; raises as `get` does."""
        return self.get(key, type_)

    def remove_data(self, key: str) -> Json:
        """Remove one entry and return it, or None."""
        return self._data.pop(key, None)

    def has_data(self) -> bool:
        """Whether there is anything besides the cursor."""
        return bool(self._data.keys() - {"cursor_field", "cursor"})

    @property
    def cursor_field(self) -> str | None:
        """The field that the cursor follows."""
        return self.get("cursor_field", str)

    @property
    def cursor_value(self) -> Json:
        """The highest value that was committed."""
        return self._data.get("cursor")

    def set_cursor(self, field: str, value: Json) -> None:
        """Set both the cursor's field and its value."""
        self._data["cursor_field"] = field
        self._data["cursor"] = value

    def cursor(self) -> tuple[str | None, Json]:
        """Return the cursor's field and value."""
        return self.cursor_field, self.cursor_value

    def cursor_as(self, type_: type[T]) -> T | None:
        """Return the cursor's value as `type_`, or None where there is none; raises as `get`."""
        return self.get("cursor", type_)

    def has_cursor(self) -> bool:
        """Whether both field and value are set."""
        return self.cursor_field is not None and self.cursor_value is not None

    def clear_cursor(self) -> None:
        """Forget the cursor."""
        self._data.pop("cursor_field", None)
        self._data.pop("cursor", None)


class State:
    """What a source gets to resume from: one state per stream, and one of its own."""

    __slots__ = ("_global", "_streams")

    def __init__(
        self,
        streams: Mapping[str, Mapping[str, Json]] | None = None,
        global_: Mapping[str, Json] | None = None,
    ) -> None:
        self._streams = {name: StreamState(name, data) for name, data in (streams or {}).items()}
        self._global: JsonObject = dict(global_ or {})

    def __repr__(self) -> str:
        return f"State({sorted(self._streams)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # mutable, hence not a key

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Return the state that `to_json` wrote: stream name -> object, the global one as `_state`.

        Raises:
            ConnectorError: the value is not a mapping of objects.
        """
        if not isinstance(value, Mapping) or not all(
            isinstance(data, Mapping) for data in value.values()
        ):
            raise ConnectorError.state("a state is an object that maps stream names to objects")
        streams = {name: data for name, data in value.items() if name != GLOBAL_STREAM}
        return cls(streams, value.get(GLOBAL_STREAM))

    def to_json(self) -> dict[str, JsonObject]:
        """Return the whole state as plain JSON."""
        found = {name: state.to_json() for name, state in self._streams.items()}
        if self._global:
            found[GLOBAL_STREAM] = dict(self._global)
        return found

    def __iter__(self) -> Iterator[StreamState]:
        return iter(self._streams.values())

    def get_stream(self, name: str) -> StreamState | None:
        """Return the state of one stream, or None."""
        return self._streams.get(name)

    get_stream_state = get_stream
    """The guide's name for the same."""

    def get_or_create_stream(self, name: str) -> StreamState:
        """Return the state of one stream, new where there is none."""
        return self._streams.setdefault(name, StreamState(name))

    def set_stream(self, state: StreamState) -> None:
        """Put one stream's state, replacing what was there."""
        self._streams[state.stream_name] = state

    def remove_stream(self, name: str) -> StreamState | None:
        """Remove one stream's state and return it, or None."""
        return self._streams.pop(name, None)

    def update_cursor(self, stream: str, field: str, value: Json) -> None:
        """Set the cursor of one stream."""
        self.get_or_create_stream(stream).set_cursor(field, value)

    def get_global(self, key: str) -> Json:
        """Return one entry of the global state, or None."""
        return self._global.get(key)

    def get_global_as(self, key: str, type_: type[T]) -> T | None:
        """Return one entry of the global state as `type_`, or None where there is none.

        Raises:
            ConnectorError: the entry is of another type.
        """
        if key not in self._global:
            return None
        found: T = _typed("the global state", key, self._global[key], type_, _MISSING)
        return found

    def set_global(self, key: str, value: Json) -> None:
        """Set one entry of the global state."""
        self._global[key] = value

    def set_global_from(self, values: Mapping[str, Json]) -> None:
        """Set several entries of the global state."""
        self._global.update(values)

    def stream_names(self) -> list[str]:
        """Return the streams that have a state, in order of arrival."""
        return list(self._streams)

    def is_empty(self) -> bool:
        """Whether there is nothing to resume from."""
        return not self._streams and not self._global

    def clear(self) -> None:
        """Forget everything."""
        self._streams.clear()
        self._global.clear()

    def merge(self, other: State) -> None:
        """Take over the states of `other`; a stream is replaced whole, never mixed."""
        self._streams.update(other._streams)
        self._global.update(other._global)
