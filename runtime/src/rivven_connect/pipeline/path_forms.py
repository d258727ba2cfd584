"""In which form records travel from a source to a sink, and what makes rows of columns on the way."""

from __future__ import annotations

from rivven_connect._sink import BatchForm, takes_batches
from rivven_connect.pipeline.plan import PipelinePlan, SinkPlan, SourcePlan


def describe_form(plan: PipelinePlan, source: SourcePlan, sink: SinkPlan) -> str:
    """Return, for a person, what a sink is given; whether a source yields columns shows when it runs."""
    form = _form(sink)
    name = sink.name
    if form == "arrow":
        found = _row_makers(source, sink)
        if found:
            return (
                f"{name} takes Arrow; columns become rows for {', '.join(found)}, and columns again"
            )
        return f"{name} takes Arrow; columns pass through untouched, rows become columns there"
    where = f"columns become rows for {name}"
    if not any(_reaches_as_columns(source, one) for one in plan.sinks_of(source)):
        where = "columns become rows when they are read"
    if form == "json":
        return f"{name} takes JSON, which is made once for all sinks; {where}"
    return f"{name} takes rows; {where}"


def _form(sink: SinkPlan) -> BatchForm:
    """Return the form that a sink's class declares; its `open` may still choose another."""
    cls = sink.factory.cls
    return cls.takes if takes_batches(cls) and sink.delivery != "transactional" else "rows"


def _reaches_as_columns(source: SourcePlan, sink: SinkPlan) -> bool:
    return _form(sink) == "arrow" and not _row_makers(source, sink)


def _row_makers(source: SourcePlan, sink: SinkPlan) -> list[str]:
    """Return what on a path works on rows."""
    chosen = source.streams or ()
    return [
        *(f"transform {one.name} of {source.name}" for one in source.transforms),
        *(f"validate of stream {one.name}" for one in chosen if one.validate_),
        *(f"fields of stream {one.name}" for one in chosen if one.fields is not None),
        *(f"transform {one.name} of {sink.name}" for one in sink.transforms),
    ]
