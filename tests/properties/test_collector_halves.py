"""Over generated requests: halves hold what the whole holds, as the protobuf library reads it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector_ext.core.halves import halves
from collector_ext.core.otlp import SIGNALS
from collector_ext.core.otlp_items import LEVELS, items
from tests.fakes.generated_requests import messages, placed
from tests.fakes.telemetry_requests import parsed


def bytes_of_items(signal, body):
    return [body[start:end] for start, end in items(body, LEVELS[signal], 0, len(body))]


@given(messages())
def test_each_item_is_in_one_half_in_its_order_with_all_that_encloses_it(case):
    signal, message = case
    body = message.SerializeToString()

    found = halves(signal, body)

    assert (found is None) is (len(placed(signal, message)) <= 1)
    if found is not None:
        parts = [placed(signal, parsed(signal, half)) for half in found]
        assert all(parts)
        assert parts[0] + parts[1] == placed(signal, message)
        one, other = (bytes_of_items(signal, half) for half in found)
        assert one + other == bytes_of_items(signal, body)


@given(messages())
def test_halving_ends_with_single_items(case):
    signal, message = case
    whole = [message.SerializeToString()]
    singles = []
    while whole:
        body = whole.pop(0)
        found = halves(signal, body)
        if found is None:
            singles.append(body)
        else:
            whole[:0] = found

    held = [placed(signal, parsed(signal, body)) for body in singles]
    assert [item for items_ in held for item in items_] == placed(signal, message)
    assert len(held) == 1 or all(len(items_) == 1 for items_ in held)


@given(st.sampled_from(SIGNALS), st.binary(max_size=60))
def test_any_bytes_are_cut_or_not(signal, body):
    found = halves(signal, body)

    assert found is None or all(found)


@given(messages(), st.data())
def test_damaged_requests_are_cut_or_not(case, data):
    signal, message = case
    body = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3)) if body else 0):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(body[: data.draw(st.integers(0, len(body)))])

    found = halves(signal, damaged)

    if found is not None:
        one, other = (bytes_of_items(signal, half) for half in found)
        assert one + other == bytes_of_items(signal, damaged)
        assert one
        assert other
