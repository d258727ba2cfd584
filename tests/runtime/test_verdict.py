"""What a write result means: nothing that is not accounted for is taken for written."""

from __future__ import annotations

import pytest

from rivven_connect import ConnectorError, SourceEvent, WriteResult
from rivven_connect.pipeline.verdict import judge

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
    with pytest.raises(ConnectorError, match=f"accounts for {written} of 5"):
        judge(result, EVENTS, order_safe=False)


def test_no_events_need_no_account() -> None:
    verdict = judge(WriteResult(), [], order_safe=False)
    assert (list(verdict.again), list(verdict.rejected)) == ([], [])
