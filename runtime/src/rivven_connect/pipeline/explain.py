"""Which guarantee each path of a pipeline has, and why (levels: reliability.md, section 2.2)."""

from __future__ import annotations

import msgspec

from rivven_connect.pipeline.path_forms import describe_form
from rivven_connect.pipeline.plan import PipelinePlan, SinkPlan, SourcePlan

_PROMISES = {
    "L0": "loss is possible and counted",
    "L1": "at least once: nothing is lost, a crash may repeat records",
    "L2": "effectively once: nothing is lost, repeated records are absorbed by their key",
    "L3": "exactly once in the sink: records and checkpoint are committed together there",
}


class PathGuarantee(msgspec.Struct, frozen=True):
    """The level of one path from a source to a sink."""

    source: str
    sink: str
    level: str
    reasons: tuple[str, ...]
    records: str
    """In which form the records travel, and where rows are made of columns."""

    def to_dict(self) -> dict[str, object]:
        """Return the guarantee as plain JSON."""
        return {
            "source": self.source,
            "sink": self.sink,
            "level": self.level,
            "promise": _PROMISES[self.level],
            "reasons": list(self.reasons),
            "records": self.records,
        }

    def render(self) -> str:
        """Return the guarantee for a person."""
        head = f"{self.source} -> {self.sink}: {self.level}, {_PROMISES[self.level]}"
        return "\n".join([head, *(f"  - {reason}" for reason in self.reasons)])


def explain(plan: PipelinePlan) -> list[PathGuarantee]:
    """Return the guarantee of every path, never stronger than its weakest part."""
    return [_path(plan, source, sink) for source in plan.sources for sink in plan.sinks_of(source)]


def _path(plan: PipelinePlan, source: SourcePlan, sink: SinkPlan) -> PathGuarantee:
    level, reasons = _level(plan, source, sink)
    if level == "L1":
        bound = plan.settings.max_in_flight
        reasons.append(f"a crash repeats at most {bound} records plus those since the last state")
    records = describe_form(plan, source, sink)
    return PathGuarantee(source.name, sink.name, level, (*reasons, *_notes(source)), records)


def _level(plan: PipelinePlan, source: SourcePlan, sink: SinkPlan) -> tuple[str, list[str]]:
    lossy = _losses(source, sink)
    if lossy:
        return "L0", lossy
    if plan.leader_of(source) is sink:
        return "L3", [
            f"{sink.name} commits records and checkpoint of {source.name} in one transaction"
        ]
    weak = _weaknesses(plan, source, sink)
    if weak:
        return "L1", weak
    return "L2", [f"{source.name} has stable positions and {sink.name} upserts by key"]


def _losses(source: SourcePlan, sink: SinkPlan) -> list[str]:
    found = []
    if not source.spec.replayable:
        found.append(f"{source.name} cannot read the same position again")
    for owner in (source, sink):
        if owner.on_error == "drop":
            found.append(f"{owner.name} has on_error: drop")
        found += [
            f"transform {one.name} of {owner.name} has on_error: drop"
            for one in owner.transforms
            if one.on_error == "drop"
        ]
    return list(dict.fromkeys(found))


def _weaknesses(plan: PipelinePlan, source: SourcePlan, sink: SinkPlan) -> list[str]:
    found = []
    if sink.delivery == "transactional":
        others = ", ".join(one.name for one in plan.sinks_of(source) if one is not sink)
        found.append(
            f"{source.name} also feeds {others}: the checkpoint of {sink.name} cannot decide "
            "where it begins"
        )
    elif sink.delivery != "upsert" or sink.mode != "upsert":
        found.append(f"{sink.name} appends: it cannot recognise a record that comes again")
    if source.spec.position != "stable":
        found.append(f"{source.name} does not promise stable positions")
    found += [
        f"records of stream {stream.full_name()} have neither primary key nor position"
        for stream in source.factory.cls.streams
        if source.reads_by_hooks and not stream.primary_key
    ]
    found += [
        f"transform {one.name} is not deterministic"
        for one in (*source.transforms, *sink.transforms)
        if not one.spec.deterministic
    ]
    return found


def _notes(source: SourcePlan) -> list[str]:
    return [
        f"stream {stream.full_name()} has a cursor and no primary key: records that share the last "
        "cursor value are read again by every run"
        for stream in source.factory.cls.streams
        if stream.cursor and not stream.primary_key
    ]
