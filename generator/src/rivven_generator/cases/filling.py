"""A config with everything optional in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rivven_generator.cases.samples import Samples
from rivven_generator.cases.sites import Site, Walker
from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.schema.tree import branch_index


def filled(site: Site, samples: Samples, walker: Walker) -> Json:
    """Return the value of a site with every optional part added whose value is known."""
    if samples.is_authors(site.node):
        return site.value
    if "oneOf" in site.node and not site.is_branch:
        return _branch(site, samples, walker)
    if isinstance(site.value, list):
        return _list(site, samples, walker)
    return _object(site, samples, walker) if isinstance(site.value, dict) else site.value


def _branch(site: Site, samples: Samples, walker: Walker) -> Json:
    index = branch_index(walker.root, site.node, site.value)
    if index is None:
        return site.value
    raw, tag = site.node["oneOf"][index], site.node["discriminator"]["propertyName"]
    key = walker.child(site.key, f"|{index}", raw)
    return filled(Site("", (), key, walker.resolved(raw), site.value, tag), samples, walker)


def _list(site: Site, samples: Samples, walker: Walker) -> list[Json]:
    raw = site.node.get("items", {})
    if not site.value and raw and site.node.get("maxItems", 1) > 0:
        item = samples.first(walker.child(site.key, "[]", raw), raw, full=True)
        return [] if item is ABSENT else [item]
    return [_inner(site, "[]", raw, item, samples, walker) for item in site.value]


def _object(site: Site, samples: Samples, walker: Walker) -> Json:
    declared = site.node.get("properties", {})
    extra = site.node.get("additionalProperties")
    extra = extra if isinstance(extra, Mapping) else {}
    found = {
        name: _inner(site, f"/{name}", declared[name], item, samples, walker)
        if name in declared
        else _inner(site, "{}", extra, item, samples, walker)
        for name, item in site.value.items()
    }
    whole = samples.complete(site.key, site.node, found, optional=True)
    return found if whole is ABSENT else whole


def _inner(  # noqa: PLR0917 - private, and all of them are needed
    site: Site, step: str, raw: Mapping[str, Any], value: Json, samples: Samples, walker: Walker
) -> Json:
    key = walker.child(site.key, step, raw)
    return filled(Site("", (), key, walker.resolved(raw), value), samples, walker)
