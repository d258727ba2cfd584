"""Which folder of the bucket a record goes to."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

from rivven_connect import Json
from rivven_connect._json import encode_json
from rivven_connect._object_store.keys import folder_of
from rivven_connect._stream_paths import PLACEHOLDER, file_name, stream_path
from rivven_connect.connectors.s3_sink._generated import S3SinkConfig

_NULL = "__HIVE_DEFAULT_PARTITION__"
"""What Hive, and all that read as it does, take for null."""
_ENCODED_NULL = f"%5F{_NULL[1:]}"

_LONGEST_PART = 60
"""Of a field's name or value: what is longer is cut, so that a key stays below the 1024 bytes it may have."""

_TIMES: dict[str, str] = {
    "none": "",
    "day": "year=%Y/month=%m/day=%d",
    "hour": "year=%Y/month=%m/day=%d/hour=%H",
}


def stream_folder(config: S3SinkConfig, stream: str) -> str:
    """Return the folder of a stream; its name is one part of it, whatever it holds."""
    if PLACEHOLDER in config.prefix:
        return folder_of(stream_path(config.prefix, stream))
    return folder_of(config.prefix, file_name(stream))


def time_folder(config: S3SinkConfig, moment: datetime.datetime) -> str:
    """Return the folders of a time, in UTC; nothing where the config wants none."""
    template = _TIMES[config.partitioning]
    if not template:
        return ""
    utc = moment.astimezone(datetime.UTC)
    return utc.strftime(template.replace("%Y", f"{utc.year:04}"))


def by_time(
    config: S3SinkConfig, moments: Sequence[datetime.datetime] | None
) -> Mapping[str, Sequence[int]]:
    """Return the indexes of the records of each time's folder; nothing where they share one."""
    found: dict[str, list[int]] = {}
    for index, moment in enumerate(moments or () if config.partitioning != "none" else ()):
        found.setdefault(time_folder(config, moment), []).append(index)
    return found


def field_folder(fields: Iterable[str], record: Json) -> str:
    """Return a folder for each field's value, which is one part of a path, whatever it holds."""
    row = record if isinstance(record, dict) else {}
    return "/".join(f"{_part(name)}={_value(row.get(name))}" for name in fields)


def by_folder(fields: Sequence[str], records: Sequence[Json]) -> dict[str, list[int]]:
    """Return the indexes of the records of each folder, in their order."""
    found: dict[str, list[int]] = {}
    known: dict[tuple[Json, ...], str] = {}
    for index, record in enumerate(records):
        row = record if isinstance(record, dict) else {}
        values = tuple(map(row.get, fields))
        if all(isinstance(value, str) for value in values):  # others: 1, 1.0 and True are equal
            folder = known.get(values) or known.setdefault(values, field_folder(fields, row))
        else:
            folder = field_folder(fields, row)
        found.setdefault(folder, []).append(index)
    return found


def _part(text: str) -> str:
    return file_name(text, longest=_LONGEST_PART)


def _value(value: Json) -> str:
    if value is None:
        return _NULL
    if not isinstance(value, str):
        text = encode_json(value).decode()
        value = text.strip('"') if text.startswith('"') else text
    if not value:
        return ""
    return _ENCODED_NULL if value == _NULL else _part(value)
