"""What is installed: connectors by entry point, found without importing any of their code.

Only names, entry point texts and generated `spec.json` files are read here, so `connectors` and
`spec` stay fast and run nobody's code. Importing a connector is `_registry`'s business.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

GROUPS = {"source": "rivven.sources", "sink": "rivven.sinks", "transform": "rivven.transforms"}
"""Kind -> entry point group."""


class LookupFailure(Exception):  # an answer for the caller to locate, not an error of its own
    """A connector text leads nowhere; the caller knows which line or argument to blame."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Located:
    """One connector before its code is imported.

    `target` is `package.module:Class`; without the class, the one connector class of that module
    is meant. `root` is the folder to import from, None for an installed one.
    """

    kind: str
    name: str
    target: str
    distribution: str = ""
    distribution_version: str = ""
    root: Path | None = None

    def spec_file(self) -> Path | None:
        """Return the generated `spec.json` nearest to the target, or None."""
        parts = self.target.partition(":")[0].split(".")
        folders = [str(self.root / parts[0])] if self.root is not None else _folders_of(parts[0])
        for folder in folders:
            for length in range(len(parts), 0, -1):
                found = os.path.join(folder, *parts[1:length], "_generated", "spec.json")
                if os.path.isfile(found):
                    return Path(found)
        return None

    def spec(self) -> dict[str, Any]:
        """Return the generated spec as plain JSON; of a connector without one, what is known."""
        path = self.spec_file()
        if path is not None:
            import json  # noqa: PLC0415  # `spec` prints the file as it is

            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise LookupFailure(
                    "RVN704",
                    f"{path} of connector {self.name!r} is not readable: {type(error).__name__}",
                    "reinstall the connector, or run `rivven generate` in its project",
                ) from error
            if isinstance(found, dict):
                return found
        return {"connector_type": self.name, "kind": self.kind, "version": ""}


def _folders_of(package: str) -> tuple[str, ...]:
    """Return where an installed top-level package lies; finding it does not run it."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return ()
    return tuple(spec.submodule_search_locations or ()) if spec else ()


@cache
def installed() -> tuple[Located, ...]:
    """Return every installed connector, sorted by name and kind; clashes stay in."""
    return tuple(sorted(_entry_points(), key=lambda one: (one.name, one.kind, one.distribution)))


def _entry_points() -> Iterator[Located]:
    """Read the entry points of every distribution on the path; the first of a name counts.

    `importlib.metadata` would say the same and costs more than the rest of `spec` together. Layout:
    packaging.python.org, "Recording installed projects" and "Entry points specification".
    """
    seen = set()
    for folder in sys.path:
        for name in sorted(_listed(folder)):
            if name.endswith(".dist-info"):
                distribution, _, version = name.removesuffix(".dist-info").partition("-")
                key = re.sub(r"[-_.]+", "-", distribution).lower()
                if key not in seen:
                    seen.add(key)
                    text = _read(os.path.join(folder, name, "entry_points.txt"))
                    if b"rivven." in text:  # few have entry points of our groups
                        yield from _parse(text.decode("utf-8", "replace"), key, version)


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except OSError:
        return []


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""


def _parse(text: str, distribution: str, version: str) -> Iterator[Located]:
    kinds = {group: kind for kind, group in GROUPS.items()}
    kind = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            kind = kinds.get(line.strip("[] "))
        elif kind and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            target = value.partition("[")[0].replace(" ", "")
            yield Located(kind, name.strip(), target, distribution, version)


def find_installed(text: str, kind: str | None = None) -> Located:
    """Return the installed connector that `jsonl`, `source:jsonl` or an alias names.

    Raises:
        LookupFailure: there is none, it is ambiguous, or two distributions claim the name.
    """
    prefix, colon, rest = text.partition(":")
    name = text
    if colon and prefix in GROUPS:
        if kind not in (None, prefix):
            raise LookupFailure("RVN701", f"{text!r} is a {prefix}; a {kind} is needed here")
        kind, name = prefix, rest
    # Also of a name that somebody has: an alias that means another connector must not hide.
    found = [
        one
        for one in installed()
        if kind in (None, one.kind) and (one.name == name or name in aliases_of(one))
    ]
    if not found:
        raise _unknown(name, kind)
    kinds = sorted({one.kind for one in found})
    if len(kinds) > 1:
        choices = " or ".join(f"`{one}:{name}`" for one in kinds)
        raise LookupFailure("RVN702", f"{name!r} names a {' and a '.join(kinds)}", f"say {choices}")
    if len(found) > 1:
        raise _claimed_twice(name, kinds[0], found)
    return found[0]


def _claimed_twice(name: str, kind: str, found: Sequence[Located]) -> LookupFailure:
    owners = " and ".join(sorted(one.distribution or "?" for one in found))
    if all(one.name == name for one in found):
        message = f"{kind} {name!r} is claimed by two distributions: {owners}"
    else:
        meant = " and ".join(sorted(repr(one.name) for one in found))
        message = f"{kind} {name!r} names two connectors, {meant}, one by an alias: {owners}"
    return LookupFailure("RVN703", message, "uninstall one of them; none shadows the other")


@cache
def aliases_of(one: Located) -> frozenset[str]:
    """Return the other names of a connector, from its generated spec; of a broken one, none."""
    path = one.spec_file()
    if path is None or b'"aliases"' not in _read(str(path)):  # most have none, and schemas are long
        return frozenset()
    try:
        found = one.spec().get("aliases", ())
    except LookupFailure:
        return frozenset()
    return frozenset(found) if isinstance(found, list) else frozenset()


def _unknown(name: str, kind: str | None) -> LookupFailure:
    names = sorted({one.name for one in installed() if kind in (None, one.kind)})
    return unknown_connector(name, kind, names)


def unknown_connector(name: str, kind: str | None, names: Sequence[str]) -> LookupFailure:
    """Return the failure for a name that nobody has, with the nearest or all names as hint."""
    import difflib  # noqa: PLC0415  # only after a typing error

    near = difflib.get_close_matches(name, names, n=1)
    listed = ", ".join(names) or "none; install one, or name a project folder like `./my-source`"
    hint = f"did you mean {near[0]!r}?" if near else f"available: {listed}"
    if os.path.isfile(os.path.join(name, "connector.yaml")):  # a name may be too long for a path
        hint = f"for the project folder, write ./{name}"
    elif name.endswith((".yaml", ".yml")):
        hint = "this takes a connector and its --config; pipelines are for `run` and `check`"
    return LookupFailure("RVN701", f"no {kind or 'connector'} is named {name!r}", hint)


def find_spec_file(text: str, kind: str | None = None) -> Path | None:
    """Return the `spec.json` of the connector that `text` names; imports nothing of it.

    None means that the connector exists and has no generated spec.

    Raises:
        LookupFailure: `text` names no connector.
    """
    return locate(text, kind=kind).spec_file()


def is_folder_text(text: str) -> bool:
    """Whether a connector text means a project folder: it starts with `.` or has a separator."""
    return text.startswith(".") or "/" in text or "\\" in text


def locate(text: str, *, kind: str | None = None, base: Path | None = None) -> Located:
    """Return the connector that `text` names: an installed one or a project folder below `base`.

    Raises:
        LookupFailure: `text` names no connector of that kind.
    """
    if not is_folder_text(text):
        return find_installed(text, kind)
    from rivven_connect._project import locate_project  # noqa: PLC0415  # needs tomllib

    return locate_project((base or Path.cwd()) / text, kind)
