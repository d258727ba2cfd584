"""From a pipeline file to its plan: finds connectors, parses configs, wires topics."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec.structs

from rivven_connect._circuit import CircuitBreakerConfig
from rivven_connect._errors import InputError
from rivven_connect._rate_limit import RateLimitConfig
from rivven_connect._registry import Registries
from rivven_connect._retry import RetryConfig
from rivven_connect._sink import TransactionalSink
from rivven_connect._spec import ConnectorSpec
from rivven_connect.pipeline.configs import PipelineValues
from rivven_connect.pipeline.file import (
    Block,
    ConnectorBlock,
    PipelineFile,
    RetryBlock,
    SinkBlock,
    SourceBlock,
    TransformBlock,
)
from rivven_connect.pipeline.loading import LoadedPipeline
from rivven_connect.pipeline.plan import (
    DeadLetterPlan,
    PipelinePlan,
    SinkPlan,
    SourcePlan,
    TransformPlan,
)
from rivven_connect.pipeline.predicate import Predicate

_ENGINE_RETRY = RetryConfig(max_retries=10)
_DELIVERIES = ("transactional", "upsert", "at_least_once")
"""The strongest first."""


def plan_pipeline(
    loaded: LoadedPipeline,
    registries: Registries,
    *,
    environ: Mapping[str, str] | None = None,
    allow_inline_secrets: bool = False,
) -> PipelinePlan:
    """Return what `loaded` describes, with every connector found and every config parsed.

    Raises:
        InputError: all problems of connectors, configs and topics, each at its place in the file.
    """
    planner = _Planner(loaded, registries, environ, allow_inline_secrets=allow_inline_secrets)
    return planner.plan()


class _Planner:
    def __init__(
        self,
        loaded: LoadedPipeline,
        registries: Registries,
        environ: Mapping[str, str] | None,
        *,
        allow_inline_secrets: bool,
    ) -> None:
        self._loaded = loaded
        self._base = loaded.path.resolve().parent
        self._file: PipelineFile = loaded.file
        self._values = PipelineValues(
            loaded, registries, environ, allow_inline_secrets=allow_inline_secrets
        )
        self._problems = self._values.problems

    def plan(self) -> PipelinePlan:
        sources = [
            self._source(name, block) for name, block in self._file.sources.items() if block.enabled
        ]
        sinks = [
            self._sink(name, block) for name, block in self._file.sinks.items() if block.enabled
        ]
        self._check_topics()
        if not sources or not sinks:
            kind = "sinks" if sources else "sources"
            self._add("RVN714", (kind,), f"none of the {kind} is enabled", key=True)
        warnings = [one for one in self._problems if one.severity != "error"]
        if len(warnings) < len(self._problems):
            raise InputError(sorted(self._problems, key=lambda one: (one.line, one.column)))
        settings = self._file.settings
        plan = PipelinePlan(
            name=self._loaded.path.stem,
            path=self._loaded.path,
            state_dir=self._base / settings.state_dir,
            settings=settings,
            sources=tuple(one for one in sources if one),
            sinks=tuple(one for one in sinks if one),
            loaded=self._loaded,
            warnings=tuple(warnings),
        )
        return _with_workers(plan) if settings.workers > 1 else plan

    def _add(
        self,
        code: str,
        at: tuple[str | int, ...],
        message: str,
        *,
        hint: str = "",
        key: bool = False,
    ) -> None:
        self._problems.append(self._loaded.problem(code, at, message, hint=hint, key=key))

    def _source(self, name: str, block: SourceBlock) -> SourcePlan | None:
        at = ("sources", name)
        found = self._values.connector("source", at, block.connector, block.config)
        common = self._common(at, block, found.spec if found else None)
        if found is None:
            return None
        plan = SourcePlan(
            **common,
            config=found.config,
            factory=found.factory,
            topic=block.topic or name,
            streams=tuple(block.streams) if block.streams is not None else None,
            concurrency=block.concurrency or int(found.spec.runtime.get("concurrency") or 1),
            isolate_streams=block.isolate_streams,
            on_schema_change=block.on_schema_change,
        )
        self._check_streams(at, block, plan)
        return plan

    def _check_streams(self, at: tuple[str, str], block: SourceBlock, plan: SourcePlan) -> None:
        """Refuse what this source, or this environment, cannot do."""
        asked = {
            "concurrency": (block.concurrency or 1) > 1,
            "isolate_streams": block.isolate_streams,
        }
        for key, is_asked in asked.items():
            if is_asked and not plan.reads_by_hooks:
                self._add(
                    "RVN722",
                    (*at, key),
                    f"{block.connector} reads its streams by itself: {key} does not apply",
                    hint="remove it, or give each stream a source of its own",
                    key=True,
                )
        if block.on_schema_change == "dead_letter" and plan.dead_letter is None:
            self._add(
                "RVN718",
                (*at, "on_schema_change"),
                "on_schema_change: dead_letter needs a `dead_letter` block",
                hint="add dead_letter: {path: dlq/NAME.jsonl} to the source",
            )
        if importlib.util.find_spec("jsonschema_rs") is not None:
            return
        places: list[tuple[str | int, ...]] = [
            ("streams", index, "validate")
            for index, stream in enumerate(block.streams or ())
            if stream.validate_
        ]
        if block.on_schema_change == "dead_letter":
            places.append(("on_schema_change",))
        for place in places:
            self._add(
                "RVN723",
                (*at, *place),
                "checking records against their schema needs the extra `validate`",
                hint="pip install 'rivven-connect[validate]'",
            )

    def _sink(self, name: str, block: SinkBlock) -> SinkPlan | None:
        at = ("sinks", name)
        found = self._values.connector("sink", at, block.connector, block.config)
        common = self._common(at, block, found.spec if found else None)
        if found is None:
            return None
        offered = [
            one
            for one in found.spec.delivery
            if one != "transactional" or issubclass(found.factory.cls, TransactionalSink)
        ]
        delivery = self._delivery(at, block, offered)
        mode = block.mode or ("upsert" if delivery == "upsert" else "append")
        modes = ["append"]
        modes += ["upsert"] if "upsert" in found.spec.delivery else []
        modes += ["overwrite"] if found.factory.cls.overwrites else []
        if mode not in modes:
            self._add(
                "RVN719",
                (*at, "mode"),
                f"{block.connector} does not offer mode: {mode}",
                hint=f"it offers {', '.join(modes)}",
            )
        return SinkPlan(
            **common,
            config=found.config,
            factory=found.factory,
            topics=tuple(dict.fromkeys(block.topics)),
            delivery=delivery,
            mode=mode,
            batch=block.batch,
        )

    def _delivery(self, at: tuple[str, str], block: SinkBlock, offered: Sequence[str]) -> str:
        if block.delivery is None:
            return next((one for one in _DELIVERIES if one in offered), "at_least_once")
        if block.delivery not in {*offered, "at_least_once"}:
            self._add(
                "RVN719",
                (*at, "delivery"),
                f"{block.connector} does not offer delivery: {block.delivery}",
                hint=f"it offers {', '.join(offered) or 'at_least_once'}",
            )
        return block.delivery

    def _common(
        self, at: tuple[str, str], block: ConnectorBlock, spec: ConnectorSpec | None
    ) -> dict[str, Any]:
        dead_letter = self._dead_letter(block)
        on_error = block.on_error or ("dead_letter" if dead_letter else "stop")
        self._check_on_error((*at, "on_error"), on_error, dead_letter)
        transforms = [
            self._transform((*at, "transforms", index), one, on_error, dead_letter)
            for index, one in enumerate(block.transforms)
        ]
        return {
            "name": at[1],
            "spec": spec,
            "transforms": tuple(one for one in transforms if one),
            "retry": self._retry(spec, block.retry),
            "rate_limit": RateLimitConfig(**_declared(spec, "rate_limit", block.rate_limit)),
            "circuit_breaker": _circuit(spec, block.circuit_breaker),
            "dead_letter": dead_letter,
            "on_error": on_error,
        }

    def _transform(
        self,
        at: tuple[str | int, ...],
        block: TransformBlock,
        on_error: str,
        dead_letter: DeadLetterPlan | None,
    ) -> TransformPlan | None:
        chosen = block.on_error or on_error
        self._check_on_error((*at, "on_error"), chosen, dead_letter)
        found = self._values.connector(
            "transform", at, block.transform, block.config, key="transform"
        )
        if found is None:
            return None
        return TransformPlan(
            name=block.transform,
            path="/".join(map(str, at)),
            factory=found.factory,
            config=found.config,
            spec=found.spec,
            when=Predicate(block.when) if block.when else None,
            on_error=chosen,
        )

    def _check_on_error(
        self, at: tuple[str | int, ...], on_error: str, dead_letter: DeadLetterPlan | None
    ) -> None:
        if on_error == "dead_letter" and dead_letter is None:
            self._add(
                "RVN718",
                at,
                "on_error: dead_letter needs a `dead_letter` block",
                hint="add dead_letter: {path: dlq/NAME.jsonl} to the source or sink",
            )

    def _dead_letter(self, block: ConnectorBlock) -> DeadLetterPlan | None:
        given = block.dead_letter
        if given is None:
            return None
        return DeadLetterPlan(self._base / given.path, given.max_ratio, given.window)

    def _retry(self, spec: ConnectorSpec | None, own: RetryBlock) -> RetryConfig:
        """Merge key by key: the file's own, then the connector's, then the settings'."""
        declared = (spec.runtime.get("retry") or {}) if spec else {}
        return _ENGINE_RETRY.replace(**self._file.settings.retry.given() | declared | own.given())

    def _check_topics(self) -> None:
        published = {block.topic or name for name, block in self._file.sources.items()}
        read = {
            topic for block in self._file.sinks.values() if block.enabled for topic in block.topics
        }
        for name, sink in self._file.sinks.items():
            for index, topic in enumerate(sink.topics):
                if topic not in published:
                    self._add(
                        "RVN716",
                        ("sinks", name, "topics", index),
                        f"no source publishes to the topic {topic!r}",
                        hint=f"published: {', '.join(sorted(published))}",
                    )
        for name, source in self._file.sources.items():
            if source.enabled and (source.topic or name) not in read:
                self._add(
                    "RVN717",
                    ("sources", name),
                    f"no enabled sink reads the topic {source.topic or name!r}",
                    hint="list it in a sink's `topics`, or set enabled: false",
                    key=True,
                )


def _with_workers(plan: PipelinePlan) -> PipelinePlan:
    from rivven_connect.pipeline.groups import idle_workers  # noqa: PLC0415  # one process has none

    return msgspec.structs.replace(plan, warnings=(*plan.warnings, *idle_workers(plan)))


def _declared(spec: ConnectorSpec | None, key: str, own: Block | None) -> dict[str, Any]:
    """Return a block of the file, completed by what the connector's manifest declares."""
    declared = (spec.runtime.get(key) or {}) if spec else {}
    return dict(declared) | (own.given() if own is not None else {})


def _circuit(spec: ConnectorSpec | None, own: Block | None) -> CircuitBreakerConfig | None:
    """Return the breaker that the file or the connector asks for; without either there is none."""
    given = _declared(spec, "circuit_breaker", own)
    return CircuitBreakerConfig(**given) if given or own is not None else None
