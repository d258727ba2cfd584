"""Made-up orders to a webhook: `make example-datagen-to-webhook`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parents[1])]

from stage import ROOT, Stage  # noqa: E402  # found by the line above

from services.webhook import webhook_receiver  # noqa: E402

_ORDERS = 1000
_SECRET = "a-secret-of-no-value"


def main() -> None:
    """Play it; stop at the first step that fails."""
    stage = Stage(
        ".examples/datagen-to-webhook",
        "Orders that a generator makes up, posted to a partner's webhook.",
    )
    kept = stage.folder / "requests.jsonl"
    with webhook_receiver(kept) as url:
        stage.step("The partner listens on the loopback interface.")
        stage.give(PARTNER_URL=f"{url}/in", PARTNER_SECRET=_SECRET)

        stage.step("The pipeline: a hundred records in a request, four requests at once, signed.")
        stage.copy(_HERE.relative_to(ROOT) / "pipeline.yaml", stage.folder.relative_to(ROOT))
        stage.say(stage.rivven("run", "pipeline.yaml", cwd=stage.folder))
        requests = _requests(kept)
        numbers = [record["_sequence"] for _, body in requests for record in json.loads(body)]
        stage.prove(f"{_ORDERS:,} orders came, each once", sorted(numbers) == list(range(_ORDERS)))
        stage.prove("every request was signed with the secret", all(map(_is_signed, requests)))

        stage.step("Once more: the state knows that they were delivered.")
        stage.say(stage.rivven("run", "pipeline.yaml", cwd=stage.folder))
        stage.prove("nothing came twice", len(_requests(kept)) == len(requests))


def _requests(file: Path) -> list[tuple[dict[str, str], bytes]]:
    """Return headers and body of each request."""
    lines: list[Any] = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [(line["headers"], base64.b64decode(line["body"])) for line in lines]


def _is_signed(request: tuple[dict[str, str], bytes]) -> bool:
    headers, body = request
    signed = headers["X-Webhook-Timestamp"].encode() + b"." + body
    wanted = hmac.new(_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers["X-Webhook-Signature"], f"sha256={wanted}")


if __name__ == "__main__":
    main()
