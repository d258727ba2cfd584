"""Every usual way to ask for the next page is served, through every fault."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest
from item_sources import (
    WAYS,
    ByFlag,
    ByLink,
    ByNextUrl,
    ByNumber,
    ByNumberAndLink,
    ByOffset,
    ByShortPage,
    ByToken,
    Get,
    ItemsSource,
    Pages,
    Patient,
    contract_of,
)
from simulation_kit import failures, simulated_outcomes

QUICK_FAULTS = ["rate_limited", "server_error", "malformed_body", "empty_page", "expired_auth"]


@pytest.mark.parametrize("source", WAYS)
def test_a_source_reads_all_pages_through_every_fault(source: type[ItemsSource]) -> None:
    found = simulated_outcomes(contract_of(source, faults=QUICK_FAULTS))
    assert found == dict.fromkeys(["no fault", *QUICK_FAULTS], "passed")


def test_a_service_that_is_silent_is_left_after_a_second() -> None:
    found = simulated_outcomes(contract_of(ByToken, faults=["timeout"]))
    assert found == {"no fault": "passed", "timeout": "passed"}


def test_a_source_that_waits_by_itself_is_patient_too() -> None:
    found = simulated_outcomes(contract_of(Patient, faults=["rate_limited"]))
    assert found["rate_limited"] == "passed"


def ending_at_an_empty_page(way: type[ItemsSource]) -> type[ItemsSource]:
    class Ending(way):  # type: ignore[misc,valid-type]  # a class from a parameter
        def pages(self, get: Get) -> Pages:
            for rows in super().pages(get):
                if not rows:
                    return
                yield rows

    return Ending


@pytest.mark.parametrize("way", [ByToken, ByLink, ByNextUrl])
def test_where_something_leads_on_an_empty_page_is_not_the_end(way: type[ItemsSource]) -> None:
    found = failures(
        simulated_outcomes(contract_of(ending_at_an_empty_page(way), faults=["empty_page"]))
    )
    assert set(found) == {"empty_page"}
    assert "lost 10: items [10], items [11]" in found["empty_page"]


@pytest.mark.parametrize("way", [ByNumber, ByShortPage, ByOffset, ByFlag, ByNumberAndLink])
def test_where_the_source_counts_an_empty_page_is_the_end(way: type[ItemsSource]) -> None:
    contract = contract_of(ending_at_an_empty_page(way), faults=["empty_page"])
    assert not failures(simulated_outcomes(contract))


class NeedsRecords(ByFlag):
    def pages(self, get: Get) -> Pages:
        for rows in super().pages(get):
            assert rows[0]["id"]
            yield rows


def test_a_source_that_counts_meets_the_empty_page_behind_the_last() -> None:
    found = failures(simulated_outcomes(contract_of(NeedsRecords, faults=["empty_page"])))
    assert set(found) == {"empty_page"}
    assert "IndexError" in found["empty_page"]


class FirstPageOnly(ItemsSource):
    def pages(self, get: Get) -> Pages:
        yield get("?per_page=50")[0]["data"]


def test_a_page_is_as_long_as_the_source_asks_and_still_not_the_last() -> None:
    """Else a source that asks for much would never be seen to page."""
    found = simulated_outcomes(contract_of(FirstPageOnly, pages=2))
    assert "lost 50" in found["no fault"]


@pytest.mark.parametrize(("pages", "size"), [(0, 5), (1, 5), (2, 1), (4, 3)])
@pytest.mark.parametrize("way", [ByToken, ByFlag])
def test_any_number_of_pages_is_served(way: type[ItemsSource], pages: int, size: int) -> None:
    contract = contract_of(way, pages=pages, page_size=size, faults=["server_error"])
    found = simulated_outcomes(contract)
    assert set(found.values()) == {"passed"}


def tolerant(way: type[ItemsSource], catch: type[Exception]) -> type[ItemsSource]:
    class Tolerant(way):  # type: ignore[misc,valid-type]  # a class from a parameter
        def pages(self, get: Get) -> Pages:
            try:
                yield from super().pages(get)
            except catch:
                return

    return Tolerant


@pytest.mark.parametrize("fault", ["rate_limited", "server_error", "malformed_body"])
def test_an_error_that_ends_the_stream_quietly_is_a_loss(fault: str) -> None:
    contract = contract_of(tolerant(ByToken, Exception), faults=[fault])
    found = failures(simulated_outcomes(contract))
    assert "lost 10" in found[fault]


class Poisoning(ByNumber):
    """Sends the unreadable page to the dead letters, and goes on with the next."""

    skipped = 0

    def pages(self, get: Get) -> Any:
        from rivven_connect import ConnectorError, Poison

        for number in range(1, 5):
            try:
                rows = get(f"?page={number}&per_page=7")[0]["data"]
            except ConnectorError as error:
                yield Poison("items", b"?", str(error))
            else:
                yield rows[self.skipped :]


class PoisoningAndLosing(Poisoning):
    skipped = 1


def test_an_unreadable_page_may_become_poison_but_no_other_page_may_be_lost() -> None:
    good = simulated_outcomes(contract_of(Poisoning, faults=["malformed_body"]))
    assert good["malformed_body"] == "passed"
    bad = simulated_outcomes(contract_of(PoisoningAndLosing, faults=["malformed_body"]))
    assert "lost 2: items [15], items [1]" in bad["malformed_body"]


class NeverEnding(ByNumber):
    """Does not know the end."""

    def pages(self, get: Get) -> Pages:
        for number in itertools.count(1):
            yield get(f"?page={number}&per_page=7")[0]["data"]


class Polling(ByOffset):
    """Waits for new records at the end."""

    def pages(self, get: Get) -> Pages:
        yield from super().pages(get)
        for _ in range(100):
            yield get("?offset=21&limit=7")[0]["data"]
            time.sleep(0.01)


def test_a_source_that_runs_on_behind_the_last_page_is_found_and_one_that_waits_there_is_not() -> (
    None
):
    running = simulated_outcomes(contract_of(NeverEnding, faults=["malformed_body"]))
    assert all("page after page behind the last" in text for text in running.values()), running
    waiting = simulated_outcomes(contract_of(Polling, faults=["empty_page"]))
    assert waiting == {"no fault": "passed", "empty_page": "passed"}


class Hanging(ByToken):
    """Never comes back from a page that it cannot read."""

    async def read_items(self, config: Any, cursor: None) -> Any:
        from rivven_connect import ConnectorError

        try:
            for rows in super().read_items(config, cursor):
                yield rows
        except ConnectorError:
            await asyncio.Event().wait()


def test_a_source_that_hangs_has_not_told_of_an_unreadable_page() -> None:
    contract = contract_of(Hanging, faults=["malformed_body"])
    type(contract).time_limit_s = 1
    found = simulated_outcomes(contract)
    assert found["no fault"] == "passed"
    assert "read() has not ended after 0.5 s" in found["malformed_body"]


class Stopping(ByToken):
    def pages(self, get: Get) -> Pages:
        from rivven_connect import ConnectorError

        try:
            yield from super().pages(get)
        except ConnectorError as error:
            raise ConnectorError.fatal(error.message) from None


def test_an_unreadable_page_may_end_the_run_and_no_other_fault_may() -> None:
    contract = contract_of(Stopping, faults=["malformed_body", "server_error"])
    found = simulated_outcomes(contract)
    assert found["malformed_body"] == "passed"
    assert "the source stopped: HTTP 503" in found["server_error"]


def test_a_source_that_never_asks_for_a_second_page_has_not_been_tested() -> None:
    class Alone(ItemsSource):
        def pages(self, get: Get) -> Pages:
            yield get("")[0]["data"]
            yield [{"id": number} for number in range(6, 16)]

    found = simulated_outcomes(contract_of(Alone, faults=["server_error"]))
    assert found["no fault"] == "passed"
    assert "it never struck stream 'items'" in found["server_error"]
