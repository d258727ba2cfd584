"""What a manifest says about the connector itself, out of somebody else's words."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final
from urllib.parse import urlsplit

from rivven_generator import naming
from rivven_generator.importers.notes import Notes, Path
from rivven_generator.importers.texts import clean_text
from rivven_generator.manifest import Kind
from rivven_generator.manifest_types import SEMVER

_LONGEST_NAME: Final = 64
_PREFIXES: Final = (
    "source-",
    "sink-",
    "destination-",
    "tap-",
    "target-",
    "conduit-connector-",
    "airbyte-",
)
_NOISE: Final = frozenset({"spec", "connector", "source", "destination", "sink", "config", "configuration",
                           "settings", "schema", "the", "api", "endpoint"})  # fmt: skip


def connector_name(candidates: list[object], at: Path, notes: Notes) -> str:
    """Return the first candidate that gives a name, in lower case with dashes; else `imported`."""
    for candidate in candidates:
        text = candidate if isinstance(candidate, str) else ""
        name = _dashed(text)
        if name:
            if name != text:
                notes.add("RVN818", f"the connector is called `{name}`", at)
            return name
    notes.add("RVN818", "no name was found; the connector is called `imported`", at)
    return "imported"


def _dashed(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", plain)
    words = [word for word in re.split(r"[^a-z0-9]+", plain.lower()) if word]
    name = "-".join(words)
    while prefix := next((p for p in _PREFIXES if name.startswith(p)), ""):
        name = name.removeprefix(prefix)
    while words and len(words) > 1 and words[-1] in _NOISE:
        words.pop()
        name = name.removesuffix("-" + name.rpartition("-")[2])
    name = re.sub(r"^[^a-z]+", "", name)[:_LONGEST_NAME].rstrip("-")
    return "" if name in _NOISE or not re.fullmatch(naming.CONNECTOR_NAME, name) else name


def path_stem(path: object) -> str:
    """Return the name of a file without its folder and endings."""
    return str(path).replace("\\", "/").rpartition("/")[2].partition(".")[0]


def web_address(value: object) -> str:
    """Return an http or https address as it is; nothing where it is none."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme in ("http", "https") and parts.hostname else ""


def semantic_version(value: object) -> str:
    """Return `v1.2.3` or `1.2` as a semantic version; nothing where it is none."""
    text = str(value).strip().removeprefix("v") if isinstance(value, (str, int, float)) else ""
    text = f"{text}.0" if re.fullmatch(r"[0-9]+\.[0-9]+", text) else text
    return text if re.fullmatch(SEMVER, text) else ""


def head(
    kind: Kind, name: str, *, about: dict[str, Any], notes: Notes, at: Path = ()
) -> dict[str, Any]:
    """Return the first keys of a manifest; `about` has those that may be missing or empty."""
    found: dict[str, Any] = {"manifest": "1", "kind": kind, "name": name}
    version = semantic_version(about.get("version"))
    found |= {"version": version} if version else {}
    for key in ("title", "description", "author", "license"):
        text = clean_text(about.get(key), at, notes)
        if text:
            found[key] = text
    address = web_address(about.get("documentation_url"))
    return found | ({"documentation_url": address} if address else {})
