"""The document's metadata in the words of a manifest."""

from __future__ import annotations

import re
from typing import Any, Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from rivven_generator.importers.metadata import semantic_version, web_address
from rivven_generator.importers.notes import Path
from rivven_generator.importers.openapi.api import Api

_LONGEST: Final = 500
_INFO: Final[Path] = ("info",)
_LICENCES: Final = (
    (r"apache(\s+(software|public))?(\s+licen[cs]e)?,?(\s+version)?[\s-]*v?2(\.0)?", "Apache-2.0"),
    (r"(the\s+)?mit(\s+licen[cs]e)?", "MIT"),
    (r"(new\s+|modified\s+)?bsd[\s-]*3([\s-]+clause)?(\s+licen[cs]e)?", "BSD-3-Clause"),
    (r"(simplified\s+)?bsd[\s-]*2([\s-]+clause)?(\s+licen[cs]e)?", "BSD-2-Clause"),
    (r"(gnu\s+)?gpl[\s-]*v?3(\.0)?", "GPL-3.0-only"),
    (r"(gnu\s+)?agpl[\s-]*v?3(\.0)?", "AGPL-3.0-only"),
    (r"(mozilla\s+public\s+licen[cs]e|mpl)[\s-]*v?2(\.0)?", "MPL-2.0"),
    (r"cc[\s-]by[\s-]4(\.0)?", "CC-BY-4.0"),
    (r"cc0([\s-]1(\.0)?)?", "CC0-1.0"),
    (r"isc(\s+licen[cs]e)?", "ISC"),
)


def about(api: Api) -> dict[str, Any]:
    """Return version, title, description, licence and documentation address, as far as they fit."""
    for key in ("termsOfService", "contact"):
        if key in api.mapping(_INFO):
            api.notes.add("RVN852", f"`{key}` has no place in a manifest", (*_INFO, key), key=True)
    if api.mapping(("webhooks",)):
        api.notes.add("RVN852", "what is sent to webhooks is no stream", ("webhooks",), key=True)
    return {
        "version": _version(api),
        "title": api.text(_INFO, "title"),
        "description": _description(api),
        "license": _licence(api),
        "documentation_url": _documentation(api),
    }


def _version(api: Api) -> str:
    text = api.text(_INFO, "version")
    whole = f"{text}.0.0" if re.fullmatch(r"v?(0|[1-9][0-9]{0,5})", text) else text
    found = semantic_version(whole)[:100]
    if not found and text:
        api.notes.add("RVN852", "the version is no semantic version", (*_INFO, "version"))
    elif found != text:
        api.notes.add("RVN851", f"the version is written as {found}", (*_INFO, "version"))
    return found


def _description(api: Api) -> str:
    """Return the first paragraph; a manifest says in a sentence what the connector does."""
    text = api.text(_INFO, "description") or api.text(_INFO, "summary")
    paragraphs = [part.strip() for part in re.split(r"\r?\n\s*\r?\n", text)]
    prose = [part for part in paragraphs if re.match(r"[\w\"'`(*\[]", part) and "\n#" not in part]
    found = " ".join(prose[0].split()) if prose else ""
    if len(found) > _LONGEST:
        found = f"{found[: _LONGEST - 3].rpartition(' ')[0]}..."
    if found != " ".join(text.split()):
        reason = "only the first paragraph of the description is kept"
        api.notes.add("RVN852", reason, (*_INFO, "description"))
    return found


def _licence(api: Api) -> str:
    at = (*_INFO, "license")
    name = api.text(at, "identifier") or api.text(at, "name")
    if not name:
        return ""
    try:
        found = str(canonicalize_license_expression(name))
    except InvalidLicenseExpression:
        known = [spdx for form, spdx in _LICENCES if re.fullmatch(form, name[:80], re.IGNORECASE)]
        if not known:
            api.notes.add("RVN852", "SPDX does not list the licence under this name", at)
            return ""
        found = known[0]
    if found != name:
        api.notes.add("RVN851", f"the licence is written as {found}", at)
    return found


def _documentation(api: Api) -> str:
    url = api.text(("externalDocs",), "url")
    found = web_address(url)
    if url and not found:
        reason = "the documentation's address is no http or https URL"
        api.notes.add("RVN852", reason, ("externalDocs", "url"))
    return found
