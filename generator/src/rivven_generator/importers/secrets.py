"""Which foreign fields are secret, and that nothing of a secret comes along."""

from __future__ import annotations

from typing import Any, Final

from rivven_generator.importers.notes import Notes, Path
from rivven_generator.schema.vocabulary import types_of

_LITERALS: Final = ("default", "examples", "enum", "const")


def settle_secret(node: dict[str, Any], at: Path, notes: Notes) -> None:
    """Say `secret` where another word said it, of texts only; take its values away."""
    kinds = types_of(node)
    if node.get("format") == "password" and kinds == {"string"}:
        del node["format"]
        if node.get("secret") is not True:
            node["secret"] = True
            notes.add("RVN817", "`format: password` became `secret: true`", (*at, "format"))
    if node.get("secret") not in (True, "true"):
        if node.get("secret") is not False:
            node.pop("secret", None)
        return
    if kinds == {"string"}:
        node["secret"] = True
        for word in _LITERALS:
            if node.pop(word, None) not in (None, "", []):
                code = "RVN801" if word == "examples" else "RVN834"
                notes.add(code, f"a secret has no `{word}`", (*at, word), key=True)
        return
    del node["secret"]
    inner = _parts(node) if kinds <= {"array", "object"} else []
    for holder, key in inner:
        holder[key] = {**holder[key], "secret": True}
    if inner:
        node.pop("default", None)
        node.pop("examples", None)
        notes.add("RVN817", "the texts inside became secret", (*at, "secret"))
    else:
        notes.add("RVN830", "only text can be secret", (*at, "secret"))
        for word in [word for word in _LITERALS if word in node]:
            del node[word]
            notes.add("RVN834", f"a secret has no `{word}`", (*at, word), key=True)


def _parts(node: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return the schemas directly inside, copied, so that they can be marked."""
    found = [(node, w) for w in ("items", "additionalProperties") if isinstance(node.get(w), dict)]
    if isinstance(node.get("properties"), dict):
        node["properties"] = dict(node["properties"])
        found += [
            (node["properties"], name)
            for name, child in node["properties"].items()
            if isinstance(child, dict)
        ]
    return found
