"""Generated projects: good connectors pass, and each planted bug turns their generated tests red."""

from __future__ import annotations

import dataclasses

import pytest
from simulation_kit import Project, failures, simulated_outcomes

from rivven_connect.testing import Simulator

SOURCE_CASES = {
    "no fault",
    "rate_limited",
    "server_error",
    "timeout",
    "malformed_body",
    "empty_page",
    "expired_auth",
}
SINK_CASES = {"429-retried", "502-retried", "422-dead_letter", "401-failed"}

ONCE = "        return answer.json()\n"


@dataclasses.dataclass(frozen=True)
class Bug:
    """`old` becomes `new`; `red` are the cases that must fail, and `says` stands in each message."""

    old: str
    new: str
    red: set[str]
    says: str
    silence_s: float = 10


def planted(project: Project, bug: Bug) -> dict[str, str]:
    """Return what is red with a bug in the project's handwritten part."""
    text = project.text()
    assert text.count(bug.old) == 1, bug.old
    contract = project.contract(text.replace(bug.old, bug.new))

    def prepare(simulator: Simulator) -> None:
        simulator.silence_s = bug.silence_s

    return failures(simulated_outcomes(contract, prepare))


def test_a_good_source_passes_every_fault(orders_project: Project) -> None:
    found = simulated_outcomes(orders_project.contract(orders_project.text()))
    assert found == dict.fromkeys(SOURCE_CASES, "passed")


def test_a_source_is_resumed_from_its_last_state(orders_project: Project) -> None:
    contract = orders_project.contract(orders_project.text())
    type(contract).simulate = {"pages": 3, "page_size": 5, "faults": ["server_error"]}
    seen: list[Simulator] = []
    assert not failures(simulated_outcomes(contract, seen.append))
    asked = {one.query.get("updated_since") for told in seen for one in told.requests}
    # After the first page of 20, and, when a page of customers failed, after all 60.
    assert asked == {None, "2026-01-01T00:09:00+00:00", "2026-01-01T00:29:00+00:00"}


def test_a_good_sink_passes_every_refusal(events_project: Project) -> None:
    found = simulated_outcomes(events_project.contract(events_project.text()))
    assert found == dict.fromkeys(SINK_CASES, "passed")


SOURCE_BUGS = {
    "stops at a rate limit": Bug(
        "            if error.kind is not ErrorKind.AUTH:\n",
        "            if error.kind is ErrorKind.RATE_LIMITED:\n"
        "                raise ConnectorError.fatal('429') from None\n"
        "            if error.kind is not ErrorKind.AUTH:\n",
        {"rate_limited"},
        "the source stopped: 429",
    ),
    "comes back before Retry-After is over": Bug(
        "            if error.kind is not ErrorKind.AUTH:\n",
        "            if error.kind is ErrorKind.RATE_LIMITED:\n"
        "                raise ConnectorError.transient('429') from None\n"
        "            if error.kind is not ErrorKind.AUTH:\n",
        {"rate_limited"},
        "asked to wait 1 s by Retry-After",
    ),
    "takes a body that it cannot parse for an empty page": Bug(
        ONCE,
        "        try:\n    " + ONCE + "        except ConnectorError:\n"
        "            return {'data': [], 'next_cursor': None}\n",
        {"malformed_body"},
        "ended as if all were well and lost",
    ),
    "takes an empty page for the end": Bug(
        '            yield self.streams.orders.rows(page["data"])\n',
        '            if not page["data"]:\n                return\n'
        '            yield self.streams.orders.rows(page["data"])\n',
        {"empty_page"},
        "the source lost 40",
    ),
    "does not know the end": Bug(
        '            if not page["data"]:\n                return\n',
        "",
        SOURCE_CASES,
        "asks for page after page behind the last one of customers",
    ),
    "skips the page that failed": Bug(
        '            page = await self._get(config, "customers", {"page": str(number)})\n',
        "            try:\n"
        '                page = await self._get(config, "customers", {"page": str(number)})\n'
        "            except ConnectorError as error:\n"
        "                if error.kind is not ErrorKind.TRANSIENT:\n"
        "                    raise\n"
        "                continue\n",
        {"server_error", "malformed_body"},
        "lost",
    ),
    "waits for ever": Bug(
        "HttpLimits(total_timeout_ms=config.timeout_ms)",
        "HttpLimits()",
        {"timeout"},
        "still waited for an answer",
        silence_s=1.5,
    ),
    "stops at a timeout": Bug(
        "            if error.kind is not ErrorKind.AUTH:\n",
        "            if error.kind is ErrorKind.TIMEOUT:\n"
        "                raise ConnectorError.fatal('slow') from None\n"
        "            if error.kind is not ErrorKind.AUTH:\n",
        {"timeout"},
        "the source stopped: slow",
    ),
    "keeps the expired token": Bug(
        "            self._token = None\n",
        "            pass\n",
        {"expired_auth"},
        "renew the token",
    ),
    "reads the first page only": Bug(
        "            if token is None:\n                return\n",
        "            return\n",
        SOURCE_CASES,
        "",
    ),
    "gives a record that nobody served": Bug(
        '            yield self.streams.customers.rows(page["data"])\n',
        '            yield self.streams.customers.rows(page["data"])\n'
        "            yield [{'code': 'ZZZ-1', 'address': {'city': 'x'}}]\n",
        SOURCE_CASES,
        "no page held",
    ),
}


@pytest.mark.parametrize("name", SOURCE_BUGS)
def test_a_bug_in_a_source_is_found(orders_project: Project, name: str) -> None:
    bug = SOURCE_BUGS[name]
    found = planted(orders_project, bug)
    assert set(found) == bug.red, found
    assert all(bug.says in text for text in found.values()), found


SINK_BUGS = {
    "counts a refused record as written": Bug(
        "            elif status == 422:\n"
        '                result.add_failed_event(event, "HTTP 422")\n',
        "            elif status == 422:\n                result.add_success(1)\n",
        {"422-dead_letter"},
        "counts records as written that the service refused: ['simulated-record-2']",
    ),
    "does not retry": Bug(
        '                raise ConnectorError.transient(f"HTTP {status}")\n',
        '                raise ConnectorError.fatal(f"HTTP {status}")\n',
        {"502-retried"},
        "the sink stopped",
    ),
    "comes back before Retry-After is over": Bug(
        ", retry_after=wait)",
        ")",
        {"429-retried"},
        "asked to wait 3 s",
    ),
    "has wrong credentials tried again": Bug(
        "                raise ConnectorError.auth(",
        "                raise ConnectorError.transient(",
        {"401-failed"},
        "has it tried again",
    ),
    "gives records up where all are refused": Bug(
        '                raise ConnectorError.auth(f"HTTP {status}")\n',
        '                result.add_failed_event(event, f"HTTP {status}")\n',
        {"401-failed"},
        "went on (5 dead letters)",
    ),
    "lets a foreign exception out": Bug(
        '                raise ConnectorError.auth(f"HTTP {status}")\n',
        "                raise ValueError(status)\n",
        {"401-failed"},
        "ValueError, which is no ConnectorError",
    ),
    "gives up a whole batch for one record": Bug(
        '                result.add_failed_event(event, "HTTP 422")\n',
        '                raise ConnectorError.fatal("HTTP 422")\n',
        {"422-dead_letter"},
        "the sink stopped",
    ),
    "drops what is refused": Bug(
        '                raise ConnectorError.transient(f"HTTP {status}")\n',
        '                result.add_failed_event(event, "HTTP 502")\n',
        {"502-retried"},
        "dead letters are ['simulated-record-1'], not []",
    ),
}


@pytest.mark.parametrize("name", SINK_BUGS)
def test_a_bug_in_a_sink_is_found(events_project: Project, name: str) -> None:
    bug = SINK_BUGS[name]
    found = planted(events_project, bug)
    assert set(found) == bug.red, found
    assert all(bug.says in text for text in found.values()), found


def test_hooks_that_are_not_written_are_expected_failures(
    orders_project: Project, events_project: Project
) -> None:
    for project, hook in ((orders_project, "read_orders"), (events_project, "write")):
        unwritten = project.text().replace(f"def {hook}(", f"def other_{hook}(")
        found = simulated_outcomes(project.contract(unwritten))
        assert set(found.values()) == {f"xfailed: not written yet: {hook}"}


@pytest.mark.slow
def test_a_project_passes_as_it_is_and_each_case_is_a_test(orders_project: Project) -> None:
    done = orders_project.pytest("-v", "-k", "fault or every_record")
    assert done.returncode == 0, done.stdout
    for case in SOURCE_CASES - {"no fault"}:
        assert f"test_a_fault_loses_no_record[{case}] PASSED" in done.stdout
