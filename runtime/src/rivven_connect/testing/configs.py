"""Assertions about config classes, for `ConfigContract` and for tests by hand.

None of their messages repeats a config's values: an example may hold a secret.
"""

from __future__ import annotations

import copy
import functools
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from rivven_connect._errors import InputError
from rivven_connect._json import Json
from rivven_connect._rules import json_key
from rivven_connect.config import ConfigModel

__all__ = ["assert_config_accepts", "assert_config_rejects", "assert_no_leak"]

ConfigT = TypeVar("ConfigT", bound=ConfigModel)

_ONE_VALUE = frozenset({"enum", "const"})
"""Two words of JSON Schema for one thing; a class does not tell them apart."""


def assert_config_accepts(config_class: type[ConfigT], values: Mapping[str, Json]) -> ConfigT:
    """Return the config of `values`; raise unless class and JSON Schema both accept them.

    The config must also keep every value as written, and survive `dump(reveal=True)` and `parse`.
    """
    try:
        config = config_class.parse(values)
    except InputError as error:
        raise AssertionError(f"{config_class.__name__} refuses a valid config:\n{error}") from None
    dumped = config.dump(reveal=True)
    if not _contains(dumped, values):
        raise AssertionError(f"{config_class.__name__} does not keep its values as written")
    try:
        again = config_class.parse(dumped)
    except InputError as error:
        raise AssertionError(f"{config_class.__name__} refuses its own dump:\n{error}") from None
    if again != config:
        raise AssertionError(f"{config_class.__name__} changes when it is dumped and parsed again")
    if not _schema_accepts(config_class, values, default=True):
        raise AssertionError("config.schema.json refuses what the class accepts")
    return config


def assert_config_rejects(
    config_class: type[ConfigModel], values: Json, *, at: str, rule: str
) -> None:
    """Raise unless the class refuses `values` at the JSON pointer `at`, by `rule`.

    `rule` is a schema keyword (`minimum`, `pattern`, `required`, `additionalProperties`, `oneOf` ...),
    `validator`, or a rule's name (`require_one` ...). For `required`, `at` points to the absent
    property; for `additionalProperties`, to the extra one. The JSON Schema must refuse the values
    too, except where the rule is `validator`, which it only mentions.
    """
    try:
        config_class.parse(values)
    except InputError as error:
        found = sorted((problem.pointer, problem.rule) for problem in error.problems)
    else:
        raise AssertionError(
            f"{config_class.__name__} accepts a config that {rule} at {at!r} forbids"
        )
    rules = _ONE_VALUE if rule in _ONE_VALUE else {rule}
    if not any((at, name) in found for name in rules):
        raise AssertionError(f"expected {rule} at {at!r}, found {found}")
    if rule != "validator" and _schema_accepts(config_class, values, default=False):
        raise AssertionError(f"config.schema.json accepts what the class refuses: {rule} at {at!r}")


def assert_no_leak(
    config_class: type[ConfigModel], values: Mapping[str, Json], secret: str
) -> None:
    """Raise if anything but `reveal` shows `secret`, which stands somewhere in `values`.

    Looked at: repr, str, format, dump, JSON, pydantic's dumps, copies, log lines, pickles, and the
    text, problems and traceback of the errors that a wrong config with the secret in it gives.
    """
    config = config_class.parse(values)
    places = list(_places(values, secret))
    if not places or not list(_places(config.dump(reveal=True), secret)):
        raise AssertionError("the secret is not part of this config, so nothing was tested")
    leaks = [name for name, show in _renderings(config).items() if _shows(show(), secret)]
    for name, broken in _broken(values, places, secret):
        leaks += [f"{way} of {name}" for way in _leaks_of_errors(config_class, broken, secret)]
    if leaks:
        raise AssertionError(f"{config_class.__name__} shows a secret in: {', '.join(leaks)}")
    if _pickles(config):
        raise AssertionError(
            f"{config_class.__name__} can be pickled, with the secret in the pickle"
        )


def _contains(whole: Json, part: Json) -> bool:
    """Return whether `part` is in `whole` as written; objects of `whole` may have more keys."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            key in whole and _contains(whole[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        return (
            isinstance(whole, list) and len(whole) == len(part) and all(map(_contains, whole, part))
        )
    return json_key(whole) == json_key(part)


def _shows(text: str, secret: str) -> bool:
    """Return whether a rendering holds the secret, as it is or escaped."""
    return any(form in text for form in {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]})


def _renderings(config: ConfigModel) -> dict[str, Callable[[], str]]:
    return {
        "repr": lambda: repr(config),
        "str": lambda: str(config),
        "format": lambda: f"{config}",
        "dump": lambda: repr(config.dump()),
        "json.dumps of dump": lambda: json.dumps(config.dump(), ensure_ascii=False),
        "model_dump": lambda: str(config.model_dump()),
        "model_dump in JSON mode": lambda: repr(config.model_dump(mode="json")),
        "model_dump_json": config.model_dump_json,
        "copy": lambda: repr(copy.copy(config)),
        "deepcopy": lambda: repr(copy.deepcopy(config)),
        "model_copy": lambda: repr(config.model_copy(deep=True)),
        "its fields": lambda: repr([str(value) for _, value in config]),
        "log line": lambda: _logged(config),
    }


def _logged(config: ConfigModel) -> str:
    stream = io.StringIO()
    logger = logging.Logger("rivven_connect.testing")  # noqa: LOG001 - unregistered: this handler only
    logger.addHandler(logging.StreamHandler(stream))
    logger.warning("%s %r", config, config)
    return stream.getvalue()


def _pickles(config: ConfigModel) -> bool:
    try:
        pickle.dumps(config)
    except (TypeError, AttributeError, pickle.PicklingError):
        return False
    return True


def _leaks_of_errors(config_class: type[ConfigModel], values: Json, secret: str) -> Iterator[str]:
    try:
        config_class.parse(values)
    except InputError as error:
        if _shows(f"{error} {error!r}", secret):
            yield "the error"
        if _shows(repr([problem.to_dict() for problem in error.problems]), secret):
            yield "the problems"
        if _shows("".join(traceback.format_exception(error)), secret):
            yield "the traceback"
    try:
        config_class.model_validate(values)
    except ValidationError as error:
        if _shows(f"{error} {error!r}", secret):
            yield "pydantic's error"


def _broken(
    values: Mapping[str, Json], places: list[tuple[Any, ...]], secret: str
) -> Iterator[tuple[str, Json]]:
    """Yield configs that are wrong where the secret is, beside it, or hold it where nothing belongs."""
    for place in places:
        for name, wrong in {
            "a list instead of the secret": [secret],
            "an object instead of the secret": {"value": secret},
            "a longer text than the secret": f"{secret}\n{secret}" * 100,
        }.items():
            yield f"a config with {name}", _with(values, place, wrong)
        if isinstance(place[-1], str):
            beside = (*place[:-1], "rivven_canary")
            yield "a config with an extra property beside it", _with(values, beside, secret)
    for key in values:
        if all(place[0] != key for place in places):
            yield "a config with another property wrong", {**values, key: [[secret]]}
    yield "a config with an extra property", {**values, "rivven_canary": secret}
    yield "a config that is a list", [secret]


def _with(values: Mapping[str, Json], place: tuple[Any, ...], value: Json) -> Json:
    changed = copy.deepcopy(dict(values))
    inner: Any = changed
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return changed


def _places(value: Json, secret: str) -> Iterator[tuple[Any, ...]]:
    yield from (path for path, text in _walk(value) if secret in text and path)


def _walk(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index))


def _schema_accepts(config_class: type[ConfigModel], values: Json, *, default: bool) -> bool:
    """Ask the generated schema; without one, or without the extra, return `default`."""
    try:
        import jsonschema_rs  # noqa: F401, PLC0415  # an extra
    except ImportError:
        return default
    validator = _schema_validator(config_class) if config_class._schema_file else None
    return default if validator is None else bool(validator.is_valid(values))


@functools.cache
def _schema_validator(config_class: type[ConfigModel]) -> Any:
    import jsonschema_rs  # noqa: PLC0415  # an extra

    return jsonschema_rs.Draft202012Validator(
        config_class.config_schema(),
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
    )
