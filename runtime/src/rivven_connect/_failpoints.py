"""Named places at which a test may kill, stop, delay or fail a run.

`RIVVEN_FAILPOINTS="after_write=kill@2; before_commit=sleep:50"` arms them, in an environment that has
the `testing` extra and nowhere else. An action is `kill`, `term` or `stop` (a signal to the own
process), `sleep:MS` (blocks the event loop), `error:KIND` (raises the `ConnectorError` of that kind)
or `oserror:NAME` (raises the `OSError` of that errno). `@N` means the Nth hit, 1 by default; `@N+`
that one and every later one.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Final

from rivven_connect._errors import ConnectorError

POINTS: Final = (
    "read",
    "transformed",
    "handed_off",
    "source_letters_kept",
    "before_write",
    "after_write",
    "after_flush",
    "sink_letters_kept",
    "before_commit",
    "inside_commit",
    "after_commit",
    "after_acknowledge",
)
"""The steps of a flush, in their order (docs/reliability.md)."""

_VARIABLE = "RIVVEN_FAILPOINTS"
_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "stop": signal.SIGSTOP}

Action = Callable[[int], None]
"""Called with the number of the hit, from 1."""

_armed: dict[str, Action] = {}
_hits: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Do what a test has armed here; otherwise nothing."""
    action = _armed.get(name)
    if action is not None:
        _hits[name] = _hits.get(name, 0) + 1
        action(_hits[name])


def arm(actions: Mapping[str, Action]) -> None:
    """Replace what is armed, and count hits afresh; an empty mapping disarms all."""
    unknown = sorted(set(actions) - set(POINTS))
    if unknown:
        raise ValueError(f"no such failpoint: {', '.join(unknown)}")
    _hits.clear()
    _armed.clear()
    _armed.update(actions)


def parse(text: str) -> dict[str, Action]:
    """Return the actions that the text of the environment variable describes.

    Raises:
        ValueError: an action or a point that does not exist.
    """
    found: dict[str, Action] = {}
    for part in filter(None, (one.strip() for one in text.split(";"))):
        name, _, rest = part.partition("=")
        what, _, when = rest.partition("@")
        found[name.strip()] = _on_hit(_effect(what.strip(), part), when.strip() or "1", part)
    return found


def _effect(what: str, part: str) -> Callable[[], None]:
    verb, _, argument = what.partition(":")
    if verb in _SIGNALS:
        return lambda: os.kill(os.getpid(), _SIGNALS[verb])
    if verb == "sleep" and argument.isdecimal():
        return lambda: time.sleep(int(argument) / 1000)
    if verb == "error" and hasattr(ConnectorError, argument):
        return lambda: _throw(getattr(ConnectorError, argument)("a failpoint"))
    if verb == "oserror" and hasattr(errno, argument):
        number = getattr(errno, argument)
        return lambda: _throw(OSError(number, os.strerror(number)))
    raise ValueError(f"{_VARIABLE}: {part!r} is no action")


def _on_hit(effect: Callable[[], None], when: str, part: str) -> Action:
    first = when.removesuffix("+")
    if not first.isdecimal():
        raise ValueError(f"{_VARIABLE}: {part!r} names no hit")
    number, repeats = int(first), when.endswith("+")

    def act(hit: int) -> None:
        if hit == number or (repeats and hit > number):
            effect()

    return act


def _throw(error: Exception) -> None:
    raise error


if os.environ.get(_VARIABLE) and importlib.util.find_spec("jsonschema_rs") is not None:
    arm(parse(os.environ[_VARIABLE]))
