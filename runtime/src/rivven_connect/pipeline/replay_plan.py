"""Where dead letters enter the pipeline again, and the plan that carries them from there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import msgspec.structs

from rivven_connect._json import Json, encode_json
from rivven_connect._spec import ConnectorSpec
from rivven_connect.pipeline.dead_letters import DeadLetter, RevisedLetters
from rivven_connect.pipeline.plan import (
    ConnectorPlan,
    PipelinePlan,
    SinkPlan,
    SourcePlan,
    TransformPlan,
)
from rivven_connect.pipeline.replay_source import Letters, replay_factory
from rivven_connect.pipeline.stored_letters import StoredLetter

P = TypeVar("P", bound=ConnectorPlan)

_ORDINAL_BITS = (0, 20, 40, 60)
"""How far the ordinals of fan-outs may have moved an event's own one up."""


class Place(msgspec.Struct, frozen=True):
    """Where a letter enters: a source with what is left of its transforms, and its sinks."""

    source: SourcePlan
    sinks: tuple[SinkPlan, ...]
    from_source: bool = False
    """Whether it enters as the source gave it, so that the chosen streams, fields and schemas apply."""


def place_of(plan: PipelinePlan, letter: StoredLetter) -> Place | str:
    """Return where `letter` enters the pipeline again, or the reason why it cannot.

    A letter of a transform enters at that transform, a letter of a sink behind the sink's transforms,
    and a record that did not fit its schema is checked again.
    """
    if letter.kind == "poison":
        return (
            "the source could not parse it: correct the source, then let it read that range again"
        )
    source = _named(plan.sources, letter.source)
    if source is None:
        return f"the pipeline has no enabled source {letter.source!r}"
    kind, _, below = letter.path.partition("/")
    name, _, transform = below.partition("/")
    owner: SourcePlan | SinkPlan | None = source if name == source.name else None
    if kind == "sinks":
        owner = _named(plan.sinks, name)
    if owner is None:
        return "the pipeline has nothing at that place that is enabled"
    if not transform and owner is source:
        return Place(source, plan.sinks_of(source), from_source=True)
    rest = _from_failed(owner.transforms, letter) if transform else ()
    return rest if isinstance(rest, str) else _behind(plan, source, owner, rest)


def _behind(
    plan: PipelinePlan,
    source: SourcePlan,
    owner: SourcePlan | SinkPlan,
    rest: tuple[TransformPlan, ...],
) -> Place:
    if isinstance(owner, SourcePlan):
        return Place(msgspec.structs.replace(source, transforms=rest), plan.sinks_of(source))
    bare = msgspec.structs.replace(source, transforms=())
    return Place(bare, (msgspec.structs.replace(owner, transforms=rest),))


def _named(plans: Sequence[P], name: str) -> P | None:
    return next((one for one in plans if one.name == name), None)


def _from_failed(
    transforms: Sequence[TransformPlan], letter: StoredLetter
) -> tuple[TransformPlan, ...] | str:
    """Return the transforms from the one that failed on; its config may have changed."""
    for index, one in enumerate(transforms):
        if one.path == letter.path:
            if letter.connector and letter.connector != one.name:
                return f"the transform there was {letter.connector!r} and is {one.name!r} now"
            return tuple(transforms[index:])
    return "there is no transform at its place any more"


class Revision:
    """Turns letters of a replay into the pipeline's own, and notes which records failed again."""

    def __init__(self, pipeline: str, source: str, replay: str, letters: Letters) -> None:
        self._pipeline = pipeline
        self._source = source
        self._replay_path = f"sources/{replay}"
        self._by_name: dict[str, tuple[int, int]] = {}
        self._by_identity: dict[tuple[bytes, int], tuple[int, int]] = {}
        for number, one in letters():
            known = (number, one.attempt)
            self._by_name[one.name] = known
            self._by_identity[_identity(one.position, one.sub_index)] = known
        self.failed: set[int | str] = set()
        """Lines whose records failed again; a letter's id where the line is not known."""
        self.names: set[str] = set()
        """Ids of the new letters."""

    def __call__(self, letter: DeadLetter) -> DeadLetter:
        """Return the letter under its source's name, with all tries counted."""
        path = letter.path
        if path == self._replay_path:
            path = f"sources/{self._source}"
        own = msgspec.structs.replace(letter, source=self._source, path=path)
        name = own.id(self._pipeline)
        number, tries = self._known(own, name)
        self.failed.add(number or name)
        self.names.add(name)
        return msgspec.structs.replace(own, attempt=tries + letter.attempt)

    def _known(self, letter: DeadLetter, name: str) -> tuple[int, int]:
        """Return line and tries of the letter that this one comes from, (0, 1) if nobody knows."""
        if name in self._by_name:
            return self._by_name[name]
        for bits in _ORDINAL_BITS:
            key = _identity(letter.position, letter.sub_index >> bits)
            if letter.position is not None and key in self._by_identity:
                return self._by_identity[key]
        return 0, 1


def _identity(position: Json, sub_index: int) -> tuple[bytes, int]:
    return encode_json(position), sub_index


def replay_plan(
    plan: PipelinePlan, place: Place, name: str, letters: Letters, revision: Revision
) -> PipelinePlan:
    """Return the plan of a pipeline of its own that puts `letters` in at `place`.

    To a sink that keeps checkpoints, this is another pipeline: those of the real one stay.
    """
    real = place.source
    source = msgspec.structs.replace(
        real,
        name=name,
        spec=ConnectorSpec(connector_type=real.spec.connector_type, version=real.spec.version),
        factory=replay_factory(real, plan.loaded, letters, as_chosen=not place.from_source),
        # A transform may have given the record another stream and other fields since.
        streams=real.streams if place.from_source else None,
        concurrency=1,
        isolate_streams=False,
        dead_letter=_revised(real, plan, revision),
    )
    sinks = tuple(
        msgspec.structs.replace(
            sink,
            topics=(real.topic,),
            # To overwrite means to replace what is there with a whole sync; this is no whole sync.
            mode="append" if sink.mode == "overwrite" else sink.mode,
            dead_letter=_revised(sink, plan, revision),
        )
        for sink in place.sinks
    )
    return msgspec.structs.replace(plan, name=f"{plan.name}:replay", sources=(source,), sinks=sinks)


def _revised(owner: ConnectorPlan, plan: PipelinePlan, revision: Revision) -> RevisedLetters | None:
    """Return the owner's place for dead letters; a replay that fails in bulk is no flood."""
    own = owner.dead_letter
    if own is None:
        return None
    return RevisedLetters(own.path, math.inf, own.window, pipeline=plan.name, revise=revision)
