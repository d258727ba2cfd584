"""Every derived name: package, classes, fields, hooks, distribution.

Names that reach Python source match `^[a-z][a-z0-9_]{0,62}$`, classes are their PascalCase form, and
a name depends on nothing but its own wire name: adding a neighbour never renames anything.
"""

from __future__ import annotations

import hashlib
import keyword
import re
import unicodedata

import msgspec
import msgspec.structs

from rivven_generator.reserved import (
    AMBIGUOUS_NAMES,
    ANNOTATION_NAMES,
    CONTRACT_HOOKS,
    DEVICE_NAMES,
    MODEL_ATTRIBUTES,
    OWN_MODULES,
    RESERVED_MODULES,
    RUNTIME_CLASSES,
    STANDARD_LIBRARY,
    STREAM_SET_ATTRIBUTES,
)

CONNECTOR_NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
ALIAS = r"^[a-z][a-z0-9]*([-_][a-z0-9]+)*$"
PACKAGE_NAME = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$"
HOOK_NAME = r"^[a-z][a-z0-9_]{0,55}$"
STREAM_NAME = r"^[A-Za-z][A-Za-z0-9_.-]*$"

_LONGEST_IDENTIFIER = 63
_SOFT_OR_HARD = frozenset(keyword.kwlist) | {"none", "true", "false"}


class ClassNames(msgspec.Struct, frozen=True):
    """The classes that one connector is made of."""

    connector: str
    base: str
    config: str
    spec: str
    streams: str


def default_package(name: str, kind: str) -> str:
    """Return the import package of connector `name`; `_<kind>` is added where it would hide another."""
    package = name.replace("-", "_")
    taken = package in RESERVED_MODULES or keyword.iskeyword(package)
    return f"{package}_{kind}" if taken or hides_runtime_class(package) else package


def package_conflict(package: str) -> str | None:
    """Return why an explicit `package` cannot be used, or None.

    A package below `rivven_connect` is legal: that is where our own connectors live.
    """
    parts = package.split(".")
    if any(keyword.iskeyword(part) or part in DEVICE_NAMES for part in parts):
        return "a part of it is a keyword of Python or a device of Windows"
    if parts[0] in STANDARD_LIBRARY:
        return f"it hides the standard library's module {parts[0]!r}"
    if len(parts) == 1 and package in OWN_MODULES:
        return f"it hides our own package {package!r}"
    if len(parts) == 1 and package in RESERVED_MODULES:
        return f"it hides the module {package!r} that projects install or contain"
    if hides_runtime_class(package):
        return f"its class {class_names(package).connector!r} has a name that Python or the runtime needs"
    return None


def class_prefix(package: str) -> str:
    """Return the last part of `package` in PascalCase: `github_issues` gives `GithubIssues`."""
    return pascal_case(package.rpartition(".")[2])


def class_names(package: str) -> ClassNames:
    """Return the names of the classes of the connector in `package`."""
    prefix = class_prefix(package)
    return ClassNames(
        connector=prefix,
        base=f"{prefix}Base",
        config=f"{prefix}Config",
        spec=f"{prefix}ConfigSpec",
        streams=f"{prefix}Streams",
    )


def hides_runtime_class(package: str) -> bool:
    """Return whether a class of the connector in `package` is named like one of the runtime's."""
    names = class_names(package)
    return not RUNTIME_CLASSES.isdisjoint(msgspec.structs.astuple(names))


def pascal_case(text: str) -> str:
    """Return `text` in PascalCase, ASCII letters and digits only."""
    return "".join(part[:1].upper() + part[1:] for part in identifier(text).split("_"))


def identifier(wire_name: str) -> str:
    """Return `wire_name` as an ASCII identifier in lower case, before any suffix.

    Compatibility forms are folded (NFKC), camelCase is split, everything else but letters and
    digits becomes `_`. A leading digit gets the prefix `n`; nothing left gives `field`.
    """
    text = unicodedata.normalize("NFKC", wire_name)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    text = re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_").lower() or "field"
    return _shortened(f"n{text}" if text[0].isdigit() else text)


def field_name(wire_name: str) -> str:
    """Return the Python attribute for the config property `wire_name`.

    A name that Python, pydantic or our config base needs for itself gets the suffix `_`.
    """
    name = identifier(wire_name)
    return f"{name}_" if _is_taken(name) else name


def stream_attribute(stream: str) -> str:
    """Return the Python name of `stream`, as in `streams.orders`."""
    name = identifier(stream)
    taken = name in _SOFT_OR_HARD | STREAM_SET_ATTRIBUTES | AMBIGUOUS_NAMES
    return f"{name}_" if taken else name


def read_hook(stream: str) -> str:
    """Return the method that reads `stream`."""
    return f"read_{identifier(stream)}"


def check_hook(check: str) -> str:
    """Return the method that runs the check named `check`."""
    return f"check_{check}"


def is_contract_hook(method: str) -> bool:
    """Return whether `method` already means something in the runtime's contracts."""
    return method in CONTRACT_HOOKS


def record_class(stream: str) -> str:
    """Return the record type of `stream`: `issues` gives `IssuesRecord`."""
    return f"{pascal_case(stream)}Record"


def distribution_name(kind: str, name: str) -> str:
    """Return the distribution that a connector ships in."""
    return f"rivven-{kind}-{name}"


def entry_point_group(kind: str) -> str:
    """Return the entry point group that registers connectors of `kind`."""
    return f"rivven.{kind}s"


def collision_key(name: str) -> str:
    """Return what two names must not share, on any file system: NFKC, then case folded."""
    return unicodedata.normalize("NFKC", name).casefold()


def _is_taken(name: str) -> bool:
    return (
        name in _SOFT_OR_HARD
        or name in MODEL_ATTRIBUTES
        or name in ANNOTATION_NAMES
        or name in AMBIGUOUS_NAMES
        or name.startswith("model_")
    )


def _shortened(name: str) -> str:
    room = _LONGEST_IDENTIFIER - 1
    if len(name) <= room:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: room - 9]}_{digest}"
