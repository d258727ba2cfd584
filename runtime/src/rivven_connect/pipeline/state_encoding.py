"""From a state object to the text that is saved: JSON, in one form, without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rivven_connect._errors import StateStoreError
from rivven_connect._json import Json, JsonObject
from rivven_connect._redaction import redact
from rivven_connect.pipeline.state_rows import StateRow
from rivven_connect.pipeline.state_schema import StateKey

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False).encode


def encode_state(source: str, key: StateKey, value: JsonObject) -> StateRow:
    """Return the row that holds a state.

    Raises:
        StateStoreError: it is not JSON, or a known secret is in it, in whatever form.
    """
    stream, partition = key
    try:
        text = _encode(value)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise StateStoreError(
            f"source {source!r} made a state of stream {redact(stream)!r} that is not JSON; not saved"
        ) from error
    if any(redact(one) != one for one in (text, stream, partition, *_escaped(value, text))):
        raise StateStoreError(
            f"source {source!r} put a secret into the state of stream {redact(stream)!r}; not saved"
        )
    return StateRow(source, stream, partition, text)


def _escaped(value: Json, text: str) -> Iterator[str]:
    """Yield each string of a value whose text writes one in another way than it is."""
    return _strings(value) if "\\" in text else iter(())


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield str(name)
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
