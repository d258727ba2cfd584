"""A project on disk whose transform fails on chosen records until somebody repairs it."""

from __future__ import annotations

import json
from pathlib import Path

from project_kit import write_project, write_projects

TRANSFORM = '''
import json
import pathlib
import rivven_connect._errors as errors
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._transform import Transform
from rivven_connect.config import Text, TransformConfig

class PickyConfig(TransformConfig):
    broken: Text

class Picky(Transform[PickyConfig]):
    """Fails on the ids that a file lists, until somebody repairs it."""
    config_type = PickyConfig

    @classmethod
    def spec(cls):
        return ConnectorSpec(connector_type="picky", version="1.0.0", kind=ConnectorKind.TRANSFORM)

    def transform(self, config, event):
        if event.data["id"] in json.loads(pathlib.Path(config.broken).read_text()):
            event.data["half"] = True
            raise errors.ConnectorError.data("red \\x1b[31m text, " + "canary-0123456789-abcdef")
        return event
'''

PIPELINE = """\
version: "1.0"
sources:
  numbers:
    connector: ./counter
    config: {total: 40, page: 5, token: "${file:TOKEN}"}
    transforms: [{transform: ./picky, config: {broken: BROKEN}}]
    dead_letter: {path: dlq/numbers.jsonl, max_ratio: 1.0}
sinks:
  out:
    connector: ./lines
    topics: [numbers]
    config: {path: OUT}
    dead_letter: {path: dlq/out.jsonl}
settings: {log: {format: text}}
"""

CANARY = "canary-0123456789-abcdef"


def write_dlq_project(folder: Path) -> None:
    """Write `pipeline.yaml`: `./counter`, the transform `./picky`, and `./lines`."""
    write_projects(folder)
    write_project(
        folder / "picky",
        kind="transform",
        name="picky",
        package="picky_kit",
        cls="Picky",
        code=TRANSFORM,
    )
    token = folder / "token"
    token.write_text(CANARY)
    token.chmod(0o600)
    text = PIPELINE.replace("TOKEN", str(token)).replace("BROKEN", str(folder / "broken.json"))
    (folder / "pipeline.yaml").write_text(text.replace("OUT", str(folder / "out.jsonl")))
    fail_on(folder)


def fail_on(folder: Path, *ids: int) -> None:
    """Let the transform fail on these ids from now on, and on no others."""
    (folder / "broken.json").write_text(json.dumps(ids))
