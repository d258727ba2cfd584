"""`status`: says how a running pipeline is."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from rivven_connect._errors import ExitCode, PipelineError, StateStoreError
from rivven_connect._problems import escape_text
from rivven_connect._redaction import redact
from rivven_connect.cli.options import edge_options
from rivven_connect.pipeline.file import HealthBlock
from rivven_connect.pipeline.loading import load_pipeline
from rivven_connect.pipeline.owner import running_process
from rivven_connect.pipeline.snapshot import read_snapshot

_DEFAULT_URL = "http://127.0.0.1:8080"
_TIMEOUT_S = 3.0
_LARGEST_ANSWER = 4 * 1024 * 1024
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # to be asked, not to listen


@click.command(
    help="""Say how a pipeline is doing.

    FILE is a pipeline file: its health endpoint is asked, if it has one; else the lock and the saved
    totals tell. Without FILE, the endpoint at --url is asked. Exit code 0 means that the pipeline runs
    and, where it can be asked, is healthy or degraded; 3 means anything else.

    \b
    Example:
      rivven-connect status pipeline.yaml
      rivven-connect status --url http://127.0.0.1:8080 --json
    """
)
@click.argument("file", type=click.Path(path_type=Path), metavar="[FILE]", required=False)
@click.option("--url", metavar="URL", help=f"A health endpoint; default: {_DEFAULT_URL}.")
@edge_options
def status(
    *,
    file: Path | None,
    url: str | None,
    as_json: bool,
    debug: bool,  # read by the edge
) -> int:
    """Say how a pipeline is doing."""
    if file is not None and url is not None:
        raise click.UsageError("give a pipeline file or --url, not both")
    found = _ask(url or _DEFAULT_URL) if file is None else _of_file(file)
    if as_json:
        click.echo(redact(json.dumps(found)))
    else:
        click.echo("\n".join(escape_text(redact(line), limit=500) for line in _lines(found)))
    at_work = found["status"] in {"healthy", "degraded", "running"}
    return ExitCode.OK if at_work else ExitCode.CONNECTOR


def _of_file(file: Path) -> dict[str, Any]:
    loaded = load_pipeline(file)
    settings = loaded.file.settings
    folder, name = loaded.path.resolve().parent / settings.state_dir, loaded.path.stem
    process = running_process(folder, name)
    health = settings.health
    if process is not None and health.enabled and health.port:
        return {"pid": process, **_ask(_url(health))}
    found: dict[str, Any] = {
        "status": "not running" if process is None else "running",
        "pipeline": name,
        "pid": process,
    }
    try:
        found["totals"] = _totals(folder, name)
    except StateStoreError as error:
        found["totals"], found["reasons"] = {}, [str(error)]
    return found


def _totals(folder: Path, name: str) -> dict[str, dict[str, int]]:
    """Return the sums over all runs: `source:orders` -> counter -> sum."""
    snapshot = read_snapshot(folder, name)
    found: dict[str, dict[str, int]] = {}
    for (connector, counter), value in sorted(snapshot.counters.items() if snapshot else ()):
        found.setdefault(connector, {})[counter] = value
    return found


def _url(health: HealthBlock) -> str:
    host = _ANYWHERE.get(health.host, health.host)
    return f"http://[{host}]:{health.port}" if ":" in host else f"http://{host}:{health.port}"


def _ask(url: str) -> dict[str, Any]:
    """Return what a health endpoint answers, whatever its status code.

    Raises:
        PipelineError: nobody answers there, or it is no Rivven pipeline.
    """
    parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    try:
        connection = kinds[parts.scheme](parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    except (KeyError, ValueError):
        raise click.UsageError("--url is no http or https address") from None
    where = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    try:
        connection.request("GET", parts.path.rstrip("/") or "/health")
        body = connection.getresponse().read(_LARGEST_ANSWER)
        found = json.loads(body)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise PipelineError(f"{where} does not answer: {reason}") from error
    except ValueError as error:
        raise PipelineError(f"{where} is not the health endpoint of a pipeline") from error
    finally:
        connection.close()
    if not (isinstance(found, dict) and isinstance(found.get("status"), str)):
        raise PipelineError(f"{where} is not the health endpoint of a pipeline")
    return found


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the answer for a person."""
    process = f" as process {found['pid']}" if found.get("pid") else ""
    uptime = f" for {found['uptime_s']:,.0f} s" if "uptime_s" in found else ""
    yield f"{found.get('pipeline', '?')}: {found['status']}{process}{uptime}"
    for reason in found.get("reasons", ()):
        yield f"  {reason}"
    for one in found.get("connectors", ()):
        figures = [f"{one[key]:,} {key.replace('_', ' ')}" for key in _FIGURES if one.get(key)]
        name = f"{one.get('kind')} {one.get('name')} ({one.get('connector')})"
        yield f"  {name}: {one.get('status')}  {', '.join(figures)}".rstrip()
    for name, totals in found.get("totals", {}).items():
        figures = [f"{value:,} {key.replace('_', ' ')}" for key, value in totals.items()]
        yield f"  {name.replace(':', ' ', 1)}: {', '.join(figures)} in all runs"


_FIGURES = (
    "read", "written", "filtered", "dead_letters", "dropped", "retries", "errors",
    "in_flight_records",
)  # fmt: skip
