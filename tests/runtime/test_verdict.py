"""What a write result means: nothing that is not accounted for is taken for written."""

from __future__ import annotations

import pytest

from rivven_connect import ConnectorError, SourceEvent, WriteResult
from rivven_connect._verdict import judge

EVENTS = [SourceEvent.record("s", {"id": number}) for number in range(5)]


def test_a_result_that_counts_every_record_leaves_nothing() -> None:
    result = WriteResult()
    result.add_success(5)
    verdict = judge(result, EVENTS, order_safe=False)
    assert (list(verdict.again), list(verdict.rejected)) == ([], [])


@pytest.mark.parametrize("written", [0, 3, 4])
def test_a_result_that_is_silent_about_records_is_an_error(written: int) -> None:
    result = WriteResult()
    result.add_success(written)
    with pytest.raises(ConnectorError, match=f"counts {written} records as written"):
        judge(result, EVENTS, order_safe=False)


def test_no_events_need_no_account() -> None:
    verdict = judge(WriteResult(), [], order_safe=False)
    assert (list(verdict.again), list(verdict.rejected)) == ([], [])


@pytest.mark.parametrize("order_safe", [False, True])
@pytest.mark.parametrize("retryable", [False, True])
def test_a_named_failure_does_not_excuse_silence_about_the_others(
    order_safe: bool, retryable: bool
) -> None:
    """A sink that meets a bad record and returns has not written what comes behind it."""
    result = WriteResult()
    result.add_success(2)
    result.add_failed_event(EVENTS[2], "no", retryable=retryable)
    if retryable and not order_safe:
        assert list(judge(result, EVENTS, order_safe=False).again) == EVENTS[2:]
        return
    with pytest.raises(ConnectorError, match="counts 2 records as written"):
        judge(result, EVENTS, order_safe=order_safe)


def test_of_a_transaction_with_failures_nothing_is_written() -> None:
    result = WriteResult()
    result.add_failed_event(EVENTS[2], "no")
    verdict = judge(result, EVENTS, order_safe=True, all_or_nothing=True)
    assert [one.event for one in verdict.rejected] == [EVENTS[2]]
