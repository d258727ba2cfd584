"""Made-up orders to a webhook: `make example-datagen-to-webhook`."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parents[1])]

from stage import ROOT, Stage  # noqa: E402  # found by the line above

from services.web import webhook_receiver  # noqa: E402

_ORDERS = 1000


def main() -> None:
    """Play it; stop at the first step that fails."""
    stage = Stage(
        ".examples/datagen-to-webhook",
        "Orders that a generator makes up, posted to a partner's webhook.",
    )
    with webhook_receiver() as partner:
        stage.step("The partner listens on the loopback interface.")
        stage.give(PARTNER_URL=partner.url, PARTNER_TOKEN="a-token-of-no-value")

        stage.step("The pipeline: a hundred records in a request.")
        stage.copy(_HERE.relative_to(ROOT) / "pipeline.yaml", stage.folder.relative_to(ROOT))
        stage.say(stage.rivven("run", "pipeline.yaml", cwd=stage.folder))
        numbers = [record["data"]["_sequence"] for record in partner.records]
        stage.prove(f"{_ORDERS:,} orders came, each once", sorted(numbers) == list(range(_ORDERS)))
        stage.prove(
            "every request bore the token",
            {one["authorization"] for one in partner.headers} == {"Bearer a-token-of-no-value"},
        )

        stage.step("Once more: the state knows that they were delivered.")
        stage.say(stage.rivven("run", "pipeline.yaml", cwd=stage.folder))
        stage.prove("nothing came twice", len(partner.records) == _ORDERS)


if __name__ == "__main__":
    main()
