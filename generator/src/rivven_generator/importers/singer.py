"""Singer: the settings of a Meltano plugin, or what `--about --format=json` of the SDK prints.

Source: Meltano, plugin definition syntax (`settings`, `kind`, `settings_group_validation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rivven_connect.documents import Document, InputError, escape_text, to_pointer
from rivven_generator.importers.config_schema import ConfigSchema
from rivven_generator.importers.dotted import Setting, nested, steps_of
from rivven_generator.importers.finishing import finished
from rivven_generator.importers.groups import clauses_of
from rivven_generator.importers.metadata import connector_name, head, path_stem
from rivven_generator.importers.notes import Imported, Notes, Path
from rivven_generator.importers.scalars import settle_scalar
from rivven_generator.importers.secrets import settle_secret
from rivven_generator.manifest import Kind
from rivven_generator.structure import suggestion

_KINDS: Final[dict[str, dict[str, Any]]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "decimal": {"type": "number"},
    "float": {"type": "number"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "array": {"type": "array"},
    "object": {"type": "object", "additionalProperties": True},
    "password": {"type": "string", "secret": True},
    "oauth": {"type": "string", "secret": True},
    "email": {"type": "string", "format": "email"},
    "date_iso8601": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?$"},
    "file": {"type": "string"},
    "hidden": {"type": "string"},
    "options": {"type": "string"},
    "json": {},
}
"""Kind of a setting -> its schema. Meltano takes an ISO 8601 date with or without a time."""
_WORDS: Final = {"label": "title", "description": "description", "tooltip": "description"}
_HINTS: Final = frozenset(
    {"env", "documentation", "hidden", "oauth", "protected", "value_processor",
     "value_post_processor", "env_specific", "aliases", "default_if_empty"}
)  # fmt: skip
_KNOWN: Final = frozenset(
    {"name", "kind", "value", "options", "placeholder", "required", "sensitive", *_WORDS}
)


def import_singer(
    document: Document, *, kind: Kind | None = None, name: str | None = None, closed: bool = False
) -> Imported:
    """Return the manifest of a Singer tap (a source) or target (a sink).

    Meltano hands on settings that a plugin does not declare, so the config is open unless `closed`.

    Raises:
        InputError: the file declares no settings.
    """
    notes = Notes(document)
    plugin, at, known_kind = _plugin(document, name, kind, notes)
    origins: dict[int, Path] = {}
    place: Path = (*at, "settings")
    settings: list[Setting] = []
    if isinstance(plugin["settings"], dict):
        schema = ConfigSchema(document, place, notes, closed=closed)
        config, rules, origins = schema.convert(), schema.rules, schema.origins
    else:
        settings, rules = _settings(plugin, at, notes, document), []
        config = nested(settings, notes, origins, is_open=not closed)
        if closed:
            notes.add("RVN819", "the config accepts its own settings only", place)
    candidates = [plugin.get("name"), plugin.get("namespace"), path_stem(document.path)]
    plugin_name = str(plugin.get("name", ""))
    sink = plugin_name.startswith("target-") or str(plugin.get("plugin_type")) == "loaders"
    about = {
        "title": plugin.get("label"),
        "description": plugin.get("description"),
        "version": plugin.get("version"),
        "documentation_url": plugin.get("docs") or plugin.get("repo") or plugin.get("domain_url"),
    }
    draft = head(
        kind or known_kind or ("sink" if sink else "source"),
        name or connector_name(candidates, (*at, "name"), notes),
        about=about,
        notes=notes,
        at=at,
    )
    draft["config"] = config
    if rules:
        draft["rules"] = rules
    imported = finished(draft, document, notes, origins)
    if not settings or not _group_names(plugin):
        return imported
    # Which settings have a default, the groups have to know when all that is wrong is mended.
    draft.pop("tests", None)
    required, draft["rules"] = _groups(plugin, at, settings, notes)
    settings = [Setting(s.name, s.schema, s.at, s.required or s.name in required) for s in settings]
    draft["config"] = nested(settings, notes, origins, is_open=not closed)
    return finished({w: v for w, v in draft.items() if v != []}, document, notes, origins)


def _plugin(
    document: Document, name: str | None, kind: Kind | None, notes: Notes
) -> tuple[dict[str, Any], Path, Kind | None]:
    """Return the plugin's definition: the file itself, or the one of a `meltano.yml` that is meant."""
    value: dict[str, Any] = document.value
    if isinstance(value.get("settings"), (list, dict)):
        return value, (), None
    found = [one for one in _plugins(value) if kind in (None, one[2])]
    if not found:
        what = f"no {'loader' if kind == 'sink' else 'extractor'} has" if kind else "there are no"
        hint = "name a plugin definition, a meltano.yml, or what `--about --format=json` prints"
        raise InputError([document.problem("RVN890", f"{what} `settings`", (), hint=hint)])
    named = [one for one in found if name and str(one[0].get("name", "")).endswith(name)]
    chosen = (named or found)[0]
    for plugin, at, _ in _plugins(value):
        if at != chosen[1]:
            shown = escape_text(str(plugin.get("name", "")), limit=60)
            hint = "ask for it with --kind and --name"
            notes.add("RVN830", f"the plugin `{shown}` was left out; {hint}", at)
    return chosen


def _plugins(value: dict[str, Any]) -> list[tuple[dict[str, Any], Path, Kind | None]]:
    """Return every plugin of a `meltano.yml` that has settings."""
    plugins = value.get("plugins")
    groups = plugins if isinstance(plugins, dict) else {}
    kinds: tuple[tuple[str, Kind], ...] = (("extractors", "source"), ("loaders", "sink"))
    return [
        (one, ("plugins", group, index), kind)
        for group, kind in kinds
        for index, one in enumerate(groups[group] if isinstance(groups.get(group), list) else ())
        if isinstance(one, dict) and isinstance(one.get("settings"), (list, dict))
    ]


def _settings(plugin: dict[str, Any], at: Path, notes: Notes, document: Document) -> list[Setting]:
    settings: list[Setting] = []
    for index, raw in enumerate(plugin["settings"]):
        place = (*at, "settings", index)
        if isinstance(raw, dict) and isinstance(raw.get("name"), str) and raw["name"]:
            schema = _schema(raw, place, notes, document)
            is_required = raw.get("required") is True and "default" not in schema
            settings.append(Setting(raw["name"], schema, place, is_required))
        else:
            notes.add("RVN839", "a setting without a name was left out", place)
    return settings


def _schema(raw: dict[str, Any], at: Path, notes: Notes, document: Document) -> dict[str, Any]:
    kind = raw.get("kind") or "string"
    named = kind if isinstance(kind, str) and kind in _KINDS else "string"
    if named != kind:
        shown, near = escape_text(str(kind), limit=40), suggestion(str(kind), _KINDS)
        message = f"the unknown kind `{shown}` was read as `string`" + (f"; {near}" if near else "")
        notes.add("RVN832", message, (*at, "kind"))
    node = dict(_KINDS[named])
    for word, ours in _WORDS.items():
        if raw.get(word) and ours not in node:
            node[ours] = raw[word]
    if raw.get("sensitive") is True:
        node["secret"] = True
    if named == "options" or isinstance(raw.get("options"), list):
        _options(node, raw.get("options"), at, notes)
    if raw.get("placeholder") not in (None, ""):
        node["examples"] = [raw["placeholder"]]
    _default(node, raw, at, notes)
    for word in raw:
        if word in _HINTS:
            notes.add("RVN800", f"`{word}` has no place in a manifest", (*at, word), key=True)
        elif word not in _KNOWN:
            shown = escape_text(word, limit=60)
            notes.add("RVN830", f"`{shown}` has no counterpart", (*at, word), key=True)
    settle_secret(node, at, notes)
    settle_scalar(node, at, notes, document)
    if named == "date_iso8601":
        notes.add("RVN812", "the kind `date_iso8601` became a pattern", (*at, "kind"))
    return node


def _options(node: dict[str, Any], options: Any, at: Path, notes: Notes) -> None:
    values = [
        option["value"] if isinstance(option, dict) and "value" in option else option
        for option in (options if isinstance(options, list) else ())
    ]
    if values:
        node["enum"] = values
        notes.add("RVN805", "`options` became `enum`", (*at, "options"), key=True)


def _default(node: dict[str, Any], raw: dict[str, Any], at: Path, notes: Notes) -> None:
    value = raw.get("value")
    if value is None:
        return
    if isinstance(value, str) and "$" in value:
        notes.add("RVN833", "a default that the platform would fill in", (*at, "value"))
    elif node.get("type") in ("array", "object") and isinstance(value, str):
        notes.add(
            "RVN833", "a default that is text and should be a list or mapping", (*at, "value")
        )
    else:
        node["default"] = value


def _group_names(plugin: dict[str, Any]) -> list[list[str]]:
    """Return the groups of `settings_group_validation`, one of which has to be complete."""
    raw = plugin.get("settings_group_validation")
    groups = [g for g in raw if isinstance(g, list)] if isinstance(raw, list) else []
    return [[str(name) for name in group] for group in groups]


def _groups(
    plugin: dict[str, Any], at: Path, settings: Sequence[Setting], notes: Notes
) -> tuple[set[str], list[dict[str, Any]]]:
    """Return what `settings_group_validation` requires anyhow, and rules for the rest."""
    place = (*at, "settings_group_validation")
    names = {setting.name for setting in settings}
    defaults = {setting.name for setting in settings if "default" in setting.schema}
    groups = _group_names(plugin)
    for name in sorted({name for group in groups for name in group} - names):
        shown = escape_text(name, limit=60)
        notes.add("RVN814", f"the group names `{shown}`, which is no setting", place)
    clauses = clauses_of([[name for name in group if name in names] for group in groups], defaults)
    if clauses is None:
        notes.add("RVN830", "these groups are too many to become rules", place)
        return set(), []
    required: set[str] = set()
    rules: list[dict[str, Any]] = []
    for clause in clauses:
        ways = [steps_of(name) for name in clause]
        parents = {tuple(way[:-1]) for way in ways}
        if any("*" in way for way in ways):
            notes.add("RVN830", "a group inside of a map has no counterpart", place)
        elif len(clause) == 1:
            required.add(clause[0])
        elif len(parents) > 1:
            notes.add("RVN830", "a group across objects has no counterpart", place)
        else:
            pointer = to_pointer(min(parents))
            rule = {"require_any": [way[-1] for way in ways]}
            rules.append(rule | ({"at": pointer} if pointer else {}))
    if rules:
        notes.add("RVN803", "the groups became `required` and `require_any`", place)
    return required, rules
