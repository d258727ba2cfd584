"""Bodies that are made of lines are those that are made of records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rivven_connect._json import encode_json
from rivven_connect.connectors.http_webhook_sink.payload import Arrays, Records
from rivven_connect.connectors.http_webhook_sink.waves import Places


@st.composite
def requests(draw: st.DrawFn) -> tuple[int, int, list[Places]]:
    count, size = draw(st.integers(1, 30)), draw(st.integers(2, 8))
    places = st.integers(0, count - 1)
    runs = st.builds(lambda one, other: range(min(one, other), max(one, other) + 1), places, places)
    some = draw(st.lists(runs | st.lists(places, min_size=1), min_size=1))
    return count, size, [*some, *(range(count)[at : at + size] for at in range(0, count, size))]


@given(requests())
def test_a_body_of_arrays_holds_what_a_body_of_records_does(
    drawn: tuple[int, int, list[Places]],
) -> None:
    count, size, wanted = drawn
    encoded = [
        encode_json({"id": number, "text": f"a\r\n\u2028,{number}"}) for number in range(count)
    ]
    made = [b"[%b]" % b",".join(encoded[at : at + size]) for at in range(0, count, size)]
    arrays, records = Arrays(made, count, size), Records(encoded, alone=False)
    assert len(arrays) == len(records) == count
    for request in wanted:
        assert arrays.body(request) == records.body(request)
