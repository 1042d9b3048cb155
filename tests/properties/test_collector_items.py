"""Over generated requests, items are counted as the protobuf library counts them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from collector_ext.core.otlp import METRICS, SIGNALS
from collector_ext.core.otlp_items import item_count, json_item_count
from collector_ext.core.transcode.to_json import protobuf_to_json
from tests.fakes.generated_requests import counted, messages


@given(messages())
def test_items_are_counted_as_the_library_counts_them(case):
    signal, message = case

    assert item_count(signal, message.SerializeToString()) == counted(signal, message)


@given(messages())
def test_the_same_request_in_json_holds_as_many(case):
    signal, message = case
    body = message.SerializeToString()

    content = json.loads(json.dumps(protobuf_to_json(signal, body)))

    assert json_item_count(signal, content) == item_count(signal, body)


@given(messages(), st.data())
def test_of_a_request_that_is_cut_no_item_is_made_up(case, data):
    signal, message = case
    body = message.SerializeToString()

    cut = body[: data.draw(st.integers(0, len(body)))]

    assert item_count(signal, cut) <= counted(signal, message)


@given(st.sampled_from(SIGNALS), st.binary(max_size=200))
def test_any_bytes_hold_some_number_of_items(signal, body):
    assert 0 <= item_count(signal, body) <= len(body)


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceMetrics", "scopeMetrics", "metrics", "sum", "dataPoints"]),
            inner,
            max_size=2,
        )
    ),
)


@given(JSON)
def test_any_json_holds_some_number_of_items(content):
    assert json_item_count(METRICS, content) >= 0
