"""`when:` of a transform: which events it acts on."""

from __future__ import annotations

import msgspec

from rivven_connect._events import SourceEvent
from rivven_connect._json import Json
from rivven_connect.pipeline.file import WhenBlock

_MISSING = object()


class Predicate(msgspec.Struct, frozen=True):
    """Asks of an event whether all conditions of a `when:` block hold."""

    when: WhenBlock

    def matches(self, event: SourceEvent) -> bool:
        """Whether all conditions hold for the event, or, with `negate`, not all of them do."""
        when = self.when
        full_name = event.full_name()
        holds = (
            (when.streams is None or event.stream in when.streams or full_name in when.streams)
            and (when.namespaces is None or event.namespace in when.namespaces)
            and (when.operations is None or event.event_type.value in when.operations)
            and (when.field_exists is None or _field(event, when.field_exists) is not _MISSING)
            and all(
                _equal(_field(event, name), value)
                for name, value in (when.field_equals or {}).items()
            )
        )
        return holds is not when.negate


def _field(event: SourceEvent, path: str) -> Json:
    """Return the value at a field name or a dotted path, of the record as it is now."""
    after = event.after()
    record = event.before() if after is None else after
    if isinstance(record, dict) and path in record:
        return record[path]
    for key in path.split("."):
        if not isinstance(record, dict) or key not in record:
            return _MISSING
        record = record[key]
    return record


def _equal(found: Json, wanted: Json) -> bool:
    """Compare as JSON does: `true` is not 1."""
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)
