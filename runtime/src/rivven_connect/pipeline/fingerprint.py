"""What a pipeline reads and writes, as fingerprints in its state: a changed config is not overlooked.

A state that says "up to row 500" is wrong, and looks right, once the config names another table. So
each field that a manifest marks `identity: true` is kept in the state as an HMAC under the state's own
random key: enough to see that it changed, not enough to guess it. Secrets never count.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any

from rivven_connect._documents import split_pointer, to_pointer
from rivven_connect._errors import InputError
from rivven_connect._json import Json, JsonObject
from rivven_connect._problems import Problem
from rivven_connect.pipeline.plan import PipelinePlan, SinkPlan, SourcePlan
from rivven_connect.pipeline.state_schema import IdentityKey
from rivven_connect.pipeline.store import StateStore

_log = logging.getLogger("rivven_connect.pipeline")

_IDENTITY = "x-rivven-identity"
_EACH = "*"
_DEEPEST = 16
_USER = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*://)[^/?#\s]*@")

Path = tuple[str, ...]


def check_identity(plan: PipelinePlan, store: StateStore, *, accept: bool) -> None:
    """Compare what the pipeline reads and writes with what its state is of, and keep what is new.

    Args:
        plan: what is about to run.
        store: its state.
        accept: keep the state although something changed, and log what.

    Raises:
        InputError: a connector, or a field that names what it reads or writes, changed (RVN730); the
            problems name the fields and never their values.
        StateStoreError: the state cannot be read or written.
    """
    known = store.identities()
    found = {
        (kind, owner.name): _fingerprints(kind, owner, store)
        for kind, owners in (("source", plan.sources), ("sink", plan.sinks))
        for owner in owners
    }
    changed = [
        (*owner, field) for owner, fields in found.items() for field in _changed(known, fields)
    ]
    if changed and not accept:
        raise InputError([_problem(plan, *one) for one in changed])
    for kind, name, field in changed:
        what = f"config {field}" if field else "connector"
        _log.warning("the %s of %s %s changed; its state is kept", what, kind, name)
    new = {key: digest for fields in found.values() for key, digest in fields.items()}
    if any(known.get(key) != digest for key, digest in new.items()):
        with store.changing() as changes:
            changes.identify(new)


def identity_of(owner: SourcePlan | SinkPlan) -> str:
    """Return what a config says it reads or writes, as JSON: pointer -> value; `{}` if nothing does.

    Not for anybody's eyes: it is not masked.
    """
    config = owner.config.dump()
    fields = identity_fields(owner.factory.config_schema(owner.spec))
    found = {to_pointer(path): _plain(_values_at(config, path)) for path in fields}
    return json.dumps(found, sort_keys=True)


def _fingerprints(
    kind: str, owner: SourcePlan | SinkPlan, store: StateStore
) -> dict[IdentityKey, str]:
    """Return the fingerprints of one connector, its type under the empty field."""
    found = {(kind, owner.name, ""): store.sign(owner.spec.connector_type)}
    config = owner.config.dump()
    for path in identity_fields(owner.factory.config_schema(owner.spec)):
        field = to_pointer(path)
        text = json.dumps([field, _plain(_values_at(config, path))], sort_keys=True)
        found[kind, owner.name, field] = store.sign(text)
    return found


def _changed(known: dict[IdentityKey, str], fields: dict[IdentityKey, str]) -> Sequence[str]:
    """Return the fields that are known otherwise; another connector makes the others meaningless."""
    found = [key[2] for key, digest in fields.items() if known.get(key, digest) != digest]
    return [""] if "" in found else found


def identity_fields(schema: JsonObject) -> list[Path]:
    """Return the paths of the fields that a config schema marks; `*` stands for each item."""
    return list(dict.fromkeys(_marked(schema, schema, (), 0)))


def _marked(schema: Json, root: JsonObject, path: Path, depth: int) -> Iterator[Path]:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    if schema.get(_IDENTITY) is True and schema.get("writeOnly") is not True:
        yield path
    yield from _marked(_referred(schema, root), root, path, depth + 1)
    for branch in ("oneOf", "anyOf", "allOf"):
        for part in schema.get(branch, ()):
            yield from _marked(part, root, path, depth + 1)
    for name, part in schema.get("properties", {}).items():
        yield from _marked(part, root, (*path, name), depth + 1)
    for inner in ("items", "additionalProperties"):
        yield from _marked(schema.get(inner), root, (*path, _EACH), depth + 1)


def _referred(schema: JsonObject, root: JsonObject) -> Json:
    reference = schema.get("$ref", "")
    return root.get("$defs", {}).get(str(reference).removeprefix("#/$defs/"))


def _values_at(value: Json, path: Path) -> Json:
    """Return what stands at a path: None where nothing does, a list or object for each item."""
    if not path:
        return value
    step, *rest = path
    if step == _EACH and isinstance(value, list):
        return [_values_at(one, tuple(rest)) for one in value]
    if step == _EACH and isinstance(value, dict):
        return {key: _values_at(one, tuple(rest)) for key, one in value.items()}
    return _values_at(value.get(step), tuple(rest)) if isinstance(value, dict) else None


def _plain(value: Any) -> Json:
    """Return a value without the user and password of an address: they may change at any time."""
    if isinstance(value, str):
        return _USER.sub(r"\1", value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _problem(plan: PipelinePlan, kind: str, name: str, field: str) -> Problem:
    steps = split_pointer(field)
    inside = ("config", *steps) if field else ("connector",)
    what = f"the field {'.'.join(steps)}" if field else "the connector"
    reset = f"rivven state reset {plan.path.name}"
    only = f" --source {name}" if kind == "source" else ""
    return plan.loaded.problem(
        "RVN730",
        (f"{kind}s", name, *inside),
        f"{what} of {kind} {name!r} changed since the state was saved, and names what is "
        + ("read" if kind == "source" else "written"),
        hint=f"undo it, keep the state with --accept-config-change, or start afresh with "
        f"`{reset}{only}`",
    )
