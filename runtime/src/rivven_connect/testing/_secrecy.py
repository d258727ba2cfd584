"""The secrets of a config, looked for in what a connector says and gives out."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

from rivven_connect._secret import Secret
from rivven_connect.testing._contract import expect

_SHORTEST = 6
"""Characters; a shorter secret stands in other words by chance."""


def secrets_of(value: Any) -> set[str]:
    """Return every secret that a config holds, however deep."""
    if isinstance(value, Secret):
        return {value.reveal()}
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        value = list(value.values())
    return set().union(*map(secrets_of, value)) if isinstance(value, list | tuple | set) else set()


class Heard(logging.Handler):
    """What a connector has said and given out, by where."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[tuple[str, str]] = []

    def add(self, place: str, said: object) -> None:
        """Keep something that was said."""
        plain = msgspec.to_builtins(said, enc_hook=repr)
        self.texts.append((place, repr(plain)))
        if isinstance(plain, str):
            self.texts.append((place, plain))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of the log, with the traceback that it shows."""
        shown = record.getMessage()
        if record.exc_info:
            shown += "".join(traceback.format_exception(*record.exc_info))
        self.add(f"the log of {record.name}", shown)


@contextlib.contextmanager
def listening(config: Any) -> Iterator[Heard]:
    """Hear the logs of all levels, and fail at the end if a secret of `config` was said anywhere."""
    secrets = {one for one in secrets_of(config) if len(one) >= _SHORTEST}
    heard, root = Heard(), logging.getLogger()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    try:
        yield heard
    except Exception as error:
        heard.add("an error", str(error))
        _expect_none(heard, secrets)
        raise
    finally:
        root.removeHandler(heard)
        root.setLevel(level)
    _expect_none(heard, secrets)


def _expect_none(heard: Heard, secrets: set[str]) -> None:
    found = {place for place, text in heard.texts for secret in secrets if secret in text}
    expect(not found, f"a secret of the config stands in {', '.join(sorted(found))}")
