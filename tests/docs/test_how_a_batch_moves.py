"""The page that tells the engine's story names what is there."""

from __future__ import annotations

import re
from pathlib import Path

from rivven_connect._failpoints import POINTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-a-batch-moves.md").read_text(encoding="utf-8")
PIPELINE = ROOT / "runtime" / "src" / "rivven_connect" / "pipeline"


def test_every_step_names_its_code() -> None:
    rows = re.findall(r"`(\w+\.py)` `(\w+)\.(\w+)`", PAGE)
    assert len(rows) >= 12
    for module, cls, method in rows:
        text = (PIPELINE / module).read_text(encoding="utf-8")
        assert f"class {cls}" in text, (module, cls)
        assert re.search(rf"def {method}\(", text), (module, method)


def test_every_failpoint_has_its_step_in_order() -> None:
    named = [name for name in re.findall(r"`(\w+)`", PAGE) if name in POINTS]
    assert tuple(dict.fromkeys(named)) == POINTS
