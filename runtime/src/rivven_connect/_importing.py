"""Imports a connector's class; whatever its code raises there becomes one kind of failure."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

from rivven_connect._installed import Located, LookupFailure


def import_connector(found: Located, contract: type[Any]) -> type[Any]:
    """Return the class of a located connector.

    Raises:
        LookupFailure: it cannot be imported, or is no connector of that contract.
    """
    if found.root is not None and str(found.root) not in sys.path:
        sys.path.insert(0, str(found.root))
        importlib.invalidate_caches()
    module_name, _, attribute = found.target.partition(":")
    try:
        module = importlib.import_module(module_name)
        cls = _class_in(module, attribute, contract)
    except LookupFailure:
        raise
    except Exception as error:  # a plugin may raise anything while it is imported
        owner = f" of {found.distribution}" if found.distribution else ""
        raise LookupFailure(
            "RVN704",
            f"{found.kind} {found.name!r}{owner} cannot be imported: "
            f"{type(error).__name__}: {error}",
            f"`python -c 'import {module_name}'` shows where; its extra may not be installed",
        ) from error
    origin = Path(inspect.getfile(cls)).resolve()
    if found.root is not None and found.root not in origin.parents:
        raise LookupFailure(
            "RVN704",
            f"{module_name} was imported from {origin}, not from {found.root}",
            "two connectors of one run need two package names",
        )
    return cls


def _class_in(module: Any, attribute: str, contract: type[Any]) -> type[Any]:
    if attribute:
        found = [getattr(module, attribute)]
    else:
        found = [one for one in vars(module).values() if _is_own(one, module, contract)]
    usable = [one for one in found if isinstance(one, type) and issubclass(one, contract)]
    if len(usable) != 1:
        wanted = attribute or f"exactly one {contract.__name__}"
        raise LookupFailure("RVN704", f"{module.__name__} does not define {wanted}")
    return usable[0]


def _is_own(value: object, module: Any, contract: type[Any]) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, contract)
        and value.__module__ == module.__name__
    )
