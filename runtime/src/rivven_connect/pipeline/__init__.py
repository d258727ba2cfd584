"""Pipelines: the file, the plan made from it, the durable state, and the engine that runs it."""

from __future__ import annotations

from rivven_connect.pipeline.engine import run_pipeline
from rivven_connect.pipeline.explain import PathGuarantee, explain
from rivven_connect.pipeline.file import pipeline_schema
from rivven_connect.pipeline.loading import LoadedPipeline, load_pipeline
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.planning import plan_pipeline
from rivven_connect.pipeline.store import StateStore, Store
from rivven_connect.pipeline.summary import ConnectorCounts, ConnectorStatus, RunSummary

__all__ = [
    "ConnectorCounts",
    "ConnectorStatus",
    "LoadedPipeline",
    "Observer",
    "PathGuarantee",
    "PipelinePlan",
    "RunSummary",
    "StateStore",
    "Store",
    "explain",
    "load_pipeline",
    "pipeline_schema",
    "plan_pipeline",
    "run_pipeline",
]
