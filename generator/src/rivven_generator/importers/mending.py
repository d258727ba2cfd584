"""What to take out of an imported manifest where a rule of ours refuses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rivven_connect.documents import Problem, split_pointer
from rivven_generator.schema import can_derive, walk

Node = Any
Steps = list[str]
Mend = Callable[[Node, Steps, Problem], bool]

_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SIZES: Final = (
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)


def mend(manifest: dict[str, Any], problem: Problem) -> str:
    """Take out what `problem` is about; return the code of the note, or nothing if it cannot go."""
    found = _MENDS.get(problem.code)
    if found is None:
        return ""
    code, change = found
    steps = split_pointer(problem.pointer)
    if problem.code in ("RVN305", "RVN326") and "breaks `format" in problem.message:
        dropped = _drop_format(manifest, steps, problem)
        if dropped is not False:
            return "RVN821" if dropped else ""
    return code if change(manifest, steps, problem) else ""


def node_at(manifest: Node, steps: Steps) -> Node:
    """Return what stands at `steps`; None where nothing does."""
    for step in steps:
        if isinstance(manifest, dict):
            manifest = manifest.get(step)
        elif isinstance(manifest, list) and step.isdecimal() and int(step) < len(manifest):
            manifest = manifest[int(step)]
        else:
            return None
    return manifest


def _remove(manifest: Node, steps: Steps, _problem: Problem) -> bool:
    """Remove the key or item at `steps`."""
    parent = node_at(manifest, steps[:-1])
    if isinstance(parent, dict) and steps[-1] in parent:
        del parent[steps[-1]]
    elif isinstance(parent, list) and steps[-1].isdecimal() and int(steps[-1]) < len(parent):
        del parent[int(steps[-1])]
        if not parent:
            return _remove(manifest, steps[:-1], _problem)
    else:
        return False
    return True


def _remove_word(*words: str) -> Mend:
    """Return a mend that removes the innermost of these keywords on the way."""

    def change(manifest: Node, steps: Steps, problem: Problem) -> bool:
        for end in range(len(steps), 0, -1):
            if steps[end - 1] in words:
                return _remove(manifest, steps[:end], problem)
        return False

    return change


def _remove_item(word: str) -> Mend:
    """Return a mend that removes one item of the list that `word` holds."""

    def change(manifest: Node, steps: Steps, problem: Problem) -> bool:
        for end in range(len(steps) - 1, 0, -1):
            if steps[end - 1] == word:
                return _remove(manifest, steps[: end + 1], problem)
        return False

    return change


def _drop_format(manifest: Node, steps: Steps, problem: Problem) -> bool | None:
    """Drop a format that a schema's own values break: it was only meant as a hint.

    None where it is gone already, because of another of these values.
    """
    word = "default" if problem.code == "RVN305" else "examples"
    if word not in steps:
        return False
    at = len(steps) - 1 - steps[::-1].index(word)
    holder = node_at(manifest, steps[:at])
    is_own = len(steps) - at == (1 if word == "default" else 2)
    if not isinstance(holder, dict) or not is_own or "$ref" in holder:
        return False
    return True if holder.pop("format", None) is not None else None


def _drop_bounds(manifest: Node, steps: Steps, _problem: Problem) -> bool:
    holder = node_at(manifest, steps[:-1])
    if not isinstance(holder, dict):
        return False
    pairs: list[tuple[str, ...]] = [pair for pair in _SIZES if steps[-1] in pair]
    words = [word for word in (pairs or [_NUMBERS])[0] if word in holder] or [
        word for word in ("maxProperties",) if word in holder
    ]
    for word in words:
        del holder[word]
    return bool(words)


def _drop_constant(manifest: Node, steps: Steps, problem: Problem) -> bool:
    """Remove a value of an enumeration; of a lone constant, what refuses it."""
    if steps[-1] != "const":
        return _remove_item("enum")(manifest, steps, problem)
    holder = node_at(manifest, steps[:-1])
    if "properties" in holder:
        return _remove(manifest, steps, problem)
    extra = [word for word in holder if word not in ("const", "title", "description")]
    for word in extra:
        del holder[word]
    return bool(extra)


def _drop_property(manifest: Node, steps: Steps, problem: Problem) -> bool:
    """Remove a property, and its name from what is required."""
    if len(steps) < 2 or steps[-2] not in ("properties", "$defs"):
        return False
    holder = node_at(manifest, steps[:-2])
    _forget_required(holder, steps[-1])
    return _remove(manifest, steps, problem)


def _not_required(manifest: Node, steps: Steps, _problem: Problem) -> bool:
    """Take a property out of what is required: it has a default, unless that was taken away."""
    ends = [end for end, step in enumerate(steps[:-1]) if step == "properties"]
    for end in reversed(ends):  # a property may be called `properties` itself
        declared = node_at(manifest, steps[: end + 2])
        has_default = isinstance(declared, dict) and declared.keys() & {"default", "$ref"}
        if has_default and _forget_required(node_at(manifest, steps[:end]), steps[end + 1]):
            return True
    return False


def _forget_required(holder: Node, name: str) -> bool:
    if not isinstance(holder, dict) or name not in holder.get("required", ()):
        return False
    holder["required"] = [other for other in holder["required"] if other != name]
    if not holder["required"]:
        del holder["required"]
    return True


def _cut_circle(manifest: Node, steps: Steps, _problem: Problem) -> bool:
    """Make a definition that leads back to itself accept any value."""
    holder = node_at(manifest, steps[:-1])
    if not isinstance(holder, dict) or "$ref" not in holder:
        return False
    for word in [word for word in holder if word not in ("title", "description")]:
        del holder[word]
    return True


def drop_underivable(manifest: dict[str, Any]) -> list[tuple[Node, str]]:
    """Drop the patterns, or else the formats, of which no example could be made up.

    Those of required properties go first. Return the schemas that they were taken from, and which
    of the two it was.
    """
    for word in ("pattern", "format"):
        found = [
            (_is_required(manifest, steps), node_at(manifest, steps))
            for path, node in walk(manifest["config"], ("config",))
            if word in node and not can_derive({**node})
            for steps in [[str(step) for step in path]]
        ]
        needed = [node for required, node in found if required] or [node for _, node in found]
        for node in needed:
            del node[word]
        if needed:
            return [(node, word) for node in needed]
    return []


def _is_required(manifest: Node, steps: Steps) -> bool:
    """Return whether each config has the property at `steps`."""
    pairs = list(zip(steps[1::2], steps[2::2], strict=False))
    return len(steps) % 2 == 1 and all(
        word == "properties" and name in node_at(manifest, steps[: 2 * at + 1]).get("required", ())
        for at, (word, name) in enumerate(pairs)
    )


def _drop_rule(manifest: Node, steps: Steps, problem: Problem) -> bool:
    if not _remove(manifest, steps[:2], problem):
        return False
    if not manifest.get("rules", True):
        del manifest["rules"]
    return True


_MENDS: Final[Mapping[str, tuple[str, Mend]]] = {
    "RVN207": ("RVN818", _remove),
    "RVN208": ("RVN839", _remove),
    "RVN209": ("RVN839", _remove),
    "RVN214": ("RVN823", _remove),
    "RVN218": ("RVN839", _remove_word("description", "title", "default", "examples", "enum")),
    "RVN305": ("RVN833", _remove_word("default")),
    "RVN306": ("RVN815", _not_required),
    "RVN308": ("RVN836", _drop_bounds),
    "RVN309": ("RVN823", _remove_item("enum")),
    "RVN310": ("RVN836", _drop_constant),
    "RVN313": ("RVN838", _cut_circle),
    "RVN317": ("RVN835", _remove_word("pattern")),
    "RVN318": ("RVN835", _remove_word("pattern")),
    "RVN322": ("RVN834", _remove_word("default", "examples", "enum", "const")),
    "RVN323": ("RVN834", _remove_word("default", "examples", "enum", "const")),
    "RVN324": ("RVN837", _drop_property),
    "RVN325": ("RVN837", _drop_property),
    "RVN326": ("RVN801", _remove_item("examples")),
    "RVN412": ("RVN830", _drop_rule),
    "RVN413": ("RVN830", _drop_rule),
    "RVN414": ("RVN830", _drop_rule),
}
"""Code of a lint rule -> code of the note, and what is changed."""
