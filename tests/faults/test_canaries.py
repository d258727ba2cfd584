"""No command shows a secret, whatever goes wrong: each secret option of each connector, everywhere."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from canary_configs import (
    CONNECTORS,
    SPECIAL,
    Subject,
    aimed,
    option_of,
    secret_options,
    secret_paths,
    subjects,
)
from canary_kit import Place, canary, variants
from figures import Record
from http_kit import Answer, echo, raw, respond, serve
from sizes import FULL

from rivven_connect._installed import installed

KIT = Path(__file__).parent / "kit"

ANSWERS: Mapping[str, Answer] = {
    "ok": respond(200),
    "bad": respond(200),
    "auth": echo(401),
    "refused": echo(400),
    "echo": echo(500),
    "timeout": raw(b"", then="wait"),
    "reset": raw(b"", then="reset"),
    "gone": respond(200),
    "crash": respond(200),
    "state": respond(200),
    "names": respond(200),
    "sigterm": respond(200),
}
"""What goes wrong, and what the other side answers then; where it is `gone`, nobody does."""
EXIT_CODES = {"ok": 0, "bad": 2, "auth": 3, "echo": 3, "crash": 3, "state": 4, "sigterm": 0}
"""How `run` ends with the source of the kit: proof that what was meant to go wrong did."""


@dataclass(frozen=True)
class Scenario:
    """All commands on one subject, with one thing going wrong."""

    subject: Subject
    condition: str
    debug: bool

    def __str__(self) -> str:
        return f"{self.subject.name}-{self.condition}{'-debug' * self.debug}"


OWN = Subject("kit", None, {"token": ""})
SUBJECTS = (OWN, *subjects())
NEEDS_THE_KIT = {"crash", "state", "names", "sigterm"}
OF_CONNECTIONS = {"reset", "gone"}
SCENARIOS = [
    Scenario(subject, condition, debug)
    for subject in SUBJECTS
    for condition in ANSWERS
    for debug in (False, True)
    if condition not in (OF_CONNECTIONS if subject is OWN else NEEDS_THE_KIT)
]


def chosen() -> list[Scenario]:
    """Return all scenarios, or one of each connector and some of the kit's own source."""
    if FULL:
        return SCENARIOS
    draw = random.Random(4)
    by_connector: dict[str, list[Scenario]] = {}
    for one in SCENARIOS:
        located = one.subject.located
        name = f"{located.kind}:{located.name}" if located else ""
        by_connector.setdefault(name, []).append(one)
    own = by_connector.pop("")
    return [*draw.sample(own, 3), *map(draw.choice, by_connector.values())]


CHOSEN = sorted(chosen(), key=str)


def test_each_secret_option_of_each_connector_has_a_canary() -> None:
    """A new one joins by being installed."""
    for located in installed():
        schema = located.spec().get("config_schema", {})
        folder = CONNECTORS / f"{located.name.replace('-', '_')}_{located.kind}"
        if not folder.is_dir():
            continue
        configs = [subject.config for subject in SUBJECTS if subject.located == located]
        covered = {
            option
            for config in configs
            for path in secret_paths(schema, config)
            if (option := option_of(schema, config, path))
        }
        assert covered == set(secret_options(schema)), located.name
    assert len(SUBJECTS) > 5


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


class Writer:
    """Writes the pipeline and the config of a scenario, and knows its secrets."""

    def __init__(self, folder: Path, scenario: Scenario, url: str) -> None:
        self.folder, self.scenario, self.url = folder, scenario, url
        self.secrets: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self.port = free_port()
        self.given: set[Path] = set()

    def write(self) -> str:
        """Write everything and return the text that names the connector."""
        subject = self.scenario.subject
        (self.folder / "leaky").symlink_to(KIT / "leaky")
        if subject.located is None:
            connector = "./leaky"
            token = self.secret("token")
            config: dict[str, Any] = {"token": token, "how": self.how(), "url": self.url}
            self.secrets["fresh"] = self.secrets["token"][::-1]
        else:
            connector = f"{subject.located.kind}:{subject.located.name}"
            config = self.filled(subject)
        if self.scenario.condition == "bad":
            config = {**config, "unknown": [1], "url": {"is": "no text"}}
        (self.folder / "config.json").write_text(json.dumps(config))
        (self.folder / "pipeline.yaml").write_text(json.dumps(self.pipeline(connector, config)))
        return connector

    def endpoints(self) -> list[str]:
        paths = ("health", "metrics", "ready", "live", "nothing")
        return [f"http://127.0.0.1:{self.port}/{path}" for path in paths]

    def how(self) -> str:
        return {"sigterm": "hang", "ok": "", "bad": ""}.get(
            self.scenario.condition, self.scenario.condition
        )

    def secret(self, name: str, *, line_break: bool = True) -> str:
        """Return a reference to a new secret; every other one is in a file."""
        value = canary(f"{self.scenario} {name}", line_break=line_break)
        self.secrets[name] = value
        if len(self.secrets) % 2:
            self.env[f"SECRET_{len(self.secrets)}"] = value
            return f"${{env:SECRET_{len(self.secrets)}}}"
        path = self.folder / f"secret-{len(self.secrets)}"
        path.write_text(value)
        path.chmod(0o600)
        self.given.add(path)
        return f"${{file:{path}}}"

    def special(self, name: str, made: Callable[[str, str], str]) -> str:
        """Return a reference to what is made of a new secret; the rest of it is no secret."""
        inner = canary(f"{self.scenario} {name}")
        self.secrets[name] = inner
        self.env["SECRET_MADE"] = made(inner, self.url)
        return "${env:SECRET_MADE}"

    def filled(self, subject: Subject) -> dict[str, Any]:
        """Return the config with canaries for its secrets, and our server for its addresses."""
        assert subject.located is not None
        schema = subject.located.spec()["config_schema"]
        config = aimed(schema, subject.config, self.url)
        for path in secret_paths(schema, config):
            holder: Any = config
            for step in path[:-1]:
                holder = holder[step]
            breaks = path[-1] == "password"  # a line break is not legal in a header
            name = "/".join(map(str, path))
            if path[-1] in SPECIAL and self.scenario.condition != "refused":
                holder[path[-1]] = self.special(name, SPECIAL[path[-1]])
            else:
                holder[path[-1]] = self.secret(name, line_break=breaks)
        return config

    def pipeline(self, connector: str, config: dict[str, Any]) -> dict[str, Any]:
        kind, _, name = connector.partition(":")
        letters = {"path": "dlq/letters.jsonl", "max_ratio": 1.0}
        source: dict[str, Any] = {
            "connector": "datagen",
            "config": {"max_events": 5, "events_per_second": 0, "seed": 1},
        }
        sink: dict[str, Any] = {"connector": "jsonl", "config": {"path": "out.jsonl"}}
        if connector == "./leaky":
            source = {"connector": connector, "config": config, "dead_letter": letters}
            webhook = {
                "url": self.url,
                "headers": {"X-Key": self.secret("header", line_break=False)},
                "auth": {
                    "type": "basic", "username": "me", "password": self.secret("password"),
                },
                "timeout_ms": 300,
                "idempotency_header": "X-Idem",
            }  # fmt: skip
            sink = {"connector": "http-webhook", "config": webhook}
            salted = {"fields": ["email"], "mode": "hash", "salt": self.secret("salt")}
            source["transforms"] = [{"transform": "mask", "config": salted}]
        elif kind == "transform":
            source["transforms"] = [{"transform": name, "config": config}]
        elif kind == "source":
            source = {"connector": name, "config": config, "dead_letter": letters}
        else:
            sink = {"connector": name, "config": config}
        return {
            "version": "1.0",
            "sources": {"numbers": source},
            "sinks": {"out": {**sink, "topics": ["numbers"], "dead_letter": letters}},
            "settings": {
                "retry": {"max_retries": 1, "initial_backoff_ms": 1, "max_backoff_ms": 2},
                "log": {"format": "json" if self.scenario.debug else "text", "level": "debug"},
                "shutdown_timeout_ms": 5000,
                "health": {"enabled": True, "port": self.port},
                "metrics": {"enabled": True, "port": self.port},
            },
        }


def commands(connector: str, condition: str) -> Iterator[tuple[str, ...]]:
    file, config = "pipeline.yaml", ("--config", "config.json")
    yield ("check", file)
    if not connector.startswith("transform:"):
        yield ("check", connector, *config)
    if connector == "./leaky" or connector.startswith("source:"):
        yield ("discover", connector, *config)
        yield ("read", connector, *config)
    if condition == "ok":  # nothing of a config is read here
        yield ("spec", connector)
        yield ("schema", connector)
        yield ("connectors",)
    yield ("run", file, "--explain")
    yield ("run", file, "--dry-run")
    yield ("run", file)
    yield ("run", file, "--json")
    yield ("state", "show", file)
    yield ("state", "export", file)
    yield ("state", "export", file, "--output", "state.json", "--force")
    yield ("dlq", "list", file)
    yield ("dlq", "show", file)
    yield ("dlq", "replay", file)
    yield ("status", file)


def reads(command: tuple[str, ...]) -> bool:
    """Whether a command reads from the source, and so is there to be stopped."""
    return command[0] == "read" or (command[0] == "run" and command[2:] in {(), ("--json",)})


@pytest.mark.slow
@pytest.mark.parametrize("scenario", CHOSEN, ids=str)
def test_no_command_shows_a_secret(scenario: Scenario, tmp_path: Path, figures: Record) -> None:
    with serve(ANSWERS[scenario.condition]) as server:
        gone = f"http://127.0.0.1:{free_port()}/"
        url = gone if scenario.condition == "gone" else server.url
        writer = Writer(tmp_path, scenario, url)
        connector = writer.write()
        place = Place(tmp_path, env=writer.env, given=frozenset(writer.given))
        for command in commands(connector, scenario.condition):
            wanted = ("--json", "--debug") if scenario.debug else ()
            more = [flag for flag in wanted if flag not in command]
            stops = scenario.condition == "sigterm" and reads(command)
            (tmp_path / "begun").unlink(missing_ok=True)
            code = place.run(
                *command,
                *more,
                stop_at=tmp_path / "begun" if stops else None,
                asked=writer.endpoints() if command[0] == "run" else (),
            )
            if command == ("run", "pipeline.yaml") and scenario.subject is OWN:
                told = place.channels[f"stderr of {' '.join((*command, *more))}"].decode()
                assert code == EXIT_CODES.get(scenario.condition, code), told
                assert "***" in told or scenario.condition == "bad"
    hits = place.hits(writer.secrets)
    assert not hits, [str(hit) for hit in hits]
    some = variants(next(iter(writer.secrets.values())))
    figures("S6", scenarios=1, runs=place.runs, canaries=len(writer.secrets), leaks=0,
            most_variants_of_each=len(some), most_channels_searched=len(place.channels))  # fmt: skip


MANIFEST = """\
manifest: "1"
kind: source
name: demo
config:
  type: object
  required: [token]
  properties:
    token: {{type: string, secret: true, {more}}}
tests:
  valid:
    minimal: {{token: not-a-real-token}}
"""


@pytest.mark.slow
def test_the_generator_shows_no_secret(tmp_path: Path, figures: Record) -> None:
    """Neither one in the environment, nor one that somebody wrote into the manifest."""
    secrets = {"environment": canary("generator"), "manifest": canary("manifest")}
    place = Place(tmp_path, env={"DEMO_TOKEN": secrets["environment"]})
    cli = "rivven_generator.cli"
    assert place.run("new", "source", "demo", package=cli) == 0
    manifest = tmp_path / "demo" / "connector.yaml"
    for key in ("title: x", "default", "examples", "const", "enum"):
        value = json.dumps(secrets["manifest"])
        more = {"title: x": "title: x", "default": f"default: {value}", "const": f"const: {value}"}
        manifest.write_text(MANIFEST.format(more=more.get(key, f"{key}: [{value}]")))
        fine = key == "title: x"
        place.given = frozenset() if fine else frozenset({manifest})
        for command in ("validate", "generate", "spec", "test"):
            for more_flags in ((), ("--json",), ("--debug",)):
                if command == "test" and not fine:
                    continue
                flags = () if command == "test" else more_flags
                code = place.run(command, "demo", *flags, package=cli)
                assert fine or code in {0, 2}
                assert not fine or code in {0, 2, 9}
                if command == "test":
                    # The author's own tests run in a process of theirs, with the environment.
                    place.channels.pop("environments of children", None)
        hits = place.hits(secrets)
        assert not hits, [str(hit) for hit in hits]
    figures("S6", scenarios=1, runs=place.runs, canaries=len(secrets), leaks=0)
