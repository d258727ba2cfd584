"""Where `$ref` leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rivven_connect.documents import Problem, escape_text
from rivven_generator.lint.subject import Path, Subject
from rivven_generator.schema.tree import definition_name, walk

_MOST_PROPERTIES = 5_000
_MOST_EXPANDED = 50_000
_DEEPEST = 64


def targets(config: Subject) -> Iterator[Problem]:
    """A reference names a definition of this config."""
    definitions = config.root.get("$defs", {})
    for path, node in walk(config.root):
        reference = node.get("$ref")
        if reference is None:
            continue
        name = definition_name(reference)
        shown = escape_text(reference, limit=80)
        if name is None:
            yield config.problem(
                "RVN311",
                f"`$ref: {shown}` is not of the form `#/$defs/NAME`",
                (*path, "$ref"),
                hint="name a definition in `$defs`, of letters, digits, `_`, `-` and `.`; files and URLs are never followed",
            )
        elif name not in definitions:
            yield config.problem(
                "RVN312", f"there is no definition `{escape_text(name, limit=60)}`", (*path, "$ref")
            )


def recursion(config: Subject) -> Iterator[Problem]:
    """No definition contains itself: a config is finite."""
    graph = _graph(config.root)
    done: set[str] = set()
    for start in graph:
        trail: list[tuple[str, Iterator[tuple[str, Path]]]] = []
        active: set[str] = set()
        _enter(start, graph, trail, active, done)
        while trail:
            current, rest = trail[-1]
            following = next(rest, None)
            if following is None:
                trail.pop()
                active.discard(current)
                done.add(current)
            elif following[0] in active:
                name = escape_text(following[0], limit=60)
                yield config.problem(
                    "RVN313", f"the definition `{name}` contains itself", (*following[1], "$ref")
                )
            else:
                _enter(following[0], graph, trail, active, done)


def _enter(
    name: str,
    graph: Mapping[str, list[tuple[str, Path]]],
    trail: list[tuple[str, Iterator[tuple[str, Path]]]],
    active: set[str],
    done: set[str],
) -> None:
    if name not in done:
        active.add(name)
        trail.append((name, iter(graph.get(name, ()))))


def _graph(root: Mapping[str, Any]) -> dict[str, list[tuple[str, Path]]]:
    """Return, per definition, the definitions that it refers to and where."""
    graph: dict[str, list[tuple[str, Path]]] = {}
    for name, definition in root.get("$defs", {}).items():
        edges = graph.setdefault(name, [])
        for path, node in walk(definition, ("$defs", name)):
            target = definition_name(node.get("$ref", ""))
            if target is not None:
                edges.append((target, path))
    return graph


def size(config: Subject) -> Iterator[Problem]:
    """The schema stays small, also where every reference is replaced by what it names."""
    properties = sum(len(node.get("properties", {})) for _, node in walk(config.root))
    if properties > _MOST_PROPERTIES:
        yield config.problem("RVN327", f"{properties} properties are more than {_MOST_PROPERTIES}")
        return
    order = _bottom_up(_graph(config.root))
    if order is None:
        return  # recursive: reported elsewhere
    sizes: dict[str, int] = {}
    depths: dict[str, int] = {}
    for name in order:
        sizes[name], depths[name] = _measure(config.root["$defs"][name], sizes, depths)
    total, depth = _measure({**config.root, "$defs": {}}, sizes, depths)
    if max([depth, *depths.values()]) > _DEEPEST:
        yield config.problem("RVN327", f"references nest more than {_DEEPEST} levels deep")
    elif max([total, *sizes.values()]) > _MOST_EXPANDED:
        yield config.problem("RVN327", f"references expand to more than {_MOST_EXPANDED} schemas")


def _bottom_up(graph: Mapping[str, list[tuple[str, Path]]]) -> list[str] | None:
    """Return definitions after those they refer to, or None if they refer in circles."""
    waits = {name: {to for to, _ in edges if to in graph} for name, edges in graph.items()}
    users: dict[str, list[str]] = {name: [] for name in graph}
    for name, needed in waits.items():
        for target in needed:
            users[target].append(name)
    ready = [name for name, needed in waits.items() if not needed]
    for name in ready:
        for user in users[name]:
            waits[user].discard(name)
            if not waits[user]:
                ready.append(user)
    return ready if len(ready) == len(graph) else None


def _measure(
    node: Mapping[str, Any], sizes: Mapping[str, int], depths: Mapping[str, int]
) -> tuple[int, int]:
    """Return how many schemas `node` expands to, and how deep references nest in it."""
    total = depth = 0
    for _, inner in walk(node):
        name = definition_name(inner.get("$ref", ""))
        total += 1 + (sizes.get(name, 0) if name else 0)
        depth = max(depth, 1 + depths.get(name, 0) if name else 0)
    return total, depth
