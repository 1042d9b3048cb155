"""What an event tells about its origin, and what it must not be trusted to be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otel_layer.core.trigger import (
    BATCH_RESPONSE,
    HTTP_RESPONSE,
    carrier,
    response_format,
    trigger,
)

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FIELDS = {"traceparent", "tracestate", "baggage"}
STRANGE_EVENTS = [None, "text", 7, 1.5, True, [], ["a"], {}, {"headers": None}, {"headers": "x"}]


class TestTheTrigger:
    """Named only where the shape of the event leaves no doubt."""

    @pytest.mark.parametrize(
        "event",
        [
            {"httpMethod": "GET", "requestContext": {"stage": "prod"}},
            {"httpMethod": "GET", "requestContext": {"elb": {"targetGroupArn": "arn:…"}}},
            {"version": "2.0", "requestContext": {"http": {"method": "GET"}}},
        ],
        ids=["REST API", "load balancer", "HTTP API or function URL"],
    )
    def test_an_http_request_is_http(self, event):
        assert trigger(event) == "http"

    @pytest.mark.parametrize(
        "event",
        [
            *STRANGE_EVENTS,
            {"httpMethod": "GET"},
            {"requestContext": "x"},
            {"requestContext": {"connectionId": "abc", "eventType": "MESSAGE"}},
            {"Records": [{"eventSource": "aws:sqs"}]},
        ],
        ids=repr,
    )
    def test_anything_else_is_not_guessed(self, event):
        assert trigger(event) is None


VECTORS = Path(__file__).parents[3] / "vectors" / "lambda_events"

TAKEN_FOR = {
    "alb": ("http", HTTP_RESPONSE),
    "alb_multi_value_headers": ("http", HTTP_RESPONSE),
    "api_gateway_http": ("http", HTTP_RESPONSE),
    "api_gateway_http_format_1": ("http", HTTP_RESPONSE),
    "api_gateway_rest": ("http", HTTP_RESPONSE),
    "api_gateway_websocket": (None, None),
    "dynamodb": (None, BATCH_RESPONSE),
    "eventbridge": (None, None),
    "function_url": ("http", HTTP_RESPONSE),
    "kinesis": (None, BATCH_RESPONSE),
    "s3": (None, None),
    "sns": (None, None),
    "sqs": (None, BATCH_RESPONSE),
}


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_an_event_of_lambda_s_is_taken_for_what_it_is(path):
    event = json.loads(path.read_text())

    assert (trigger(event), response_format(event)) == TAKEN_FOR[path.stem]


class TestWhoReadsTheResult:
    """Known only where the shape of the event leaves no doubt."""

    @pytest.mark.parametrize(
        "event",
        [
            *STRANGE_EVENTS,
            {"Records": None},
            {"Records": {}},
            {"Records": []},
            {"Records": [None]},
            {"Records": ["x"]},
            {"Records": [{}]},
            {"Records": [{"eventSource": ["aws:sqs"]}]},
            {"Records": [{"eventSource": "aws:ses"}]},
            {"statusCode": 500, "batchItemFailures": []},
        ],
        ids=repr,
    )
    def test_anything_else_is_not_guessed(self, event):
        assert response_format(event) is None


class TestTheCarrier:
    """The fields that continue somebody's trace."""

    def test_they_are_found_in_the_headers_in_any_case(self):
        event = {"headers": {"TraceParent": PARENT, "tracestate": "a=b", "Accept": "*/*"}}

        assert carrier(event, (), FIELDS) == {"traceparent": PARENT, "tracestate": "a=b"}

    def test_they_are_found_in_multi_value_headers(self):
        event = {"multiValueHeaders": {"traceparent": [PARENT], "tracestate": ["a=b", "c=d"]}}

        assert carrier(event, (), FIELDS) == {
            "traceparent": [PARENT],
            "tracestate": ["a=b", "c=d"],
        }

    def test_the_headers_come_before_the_context_of_the_invocation(self):
        event = {"headers": {"traceparent": PARENT}}

        assert carrier(event, ({"traceparent": "other"},), FIELDS) == {"traceparent": PARENT}

    def test_contexts_are_asked_in_their_order(self):
        contexts: tuple[object, ...] = (None, {}, {"traceparent": PARENT}, {"traceparent": "other"})

        assert carrier(None, contexts, FIELDS) == {"traceparent": PARENT}

    def test_a_propagator_finds_its_field_under_its_own_name(self):
        event = {"headers": {"x-amzn-trace-id": "Root=1-2-3"}}

        assert carrier(event, (), {"X-Amzn-Trace-Id"}) == {"X-Amzn-Trace-Id": "Root=1-2-3"}

    def test_both_kinds_of_headers_of_a_request_are_one_source(self):
        event = {
            "headers": {"baggage": "a=b"},
            "multiValueHeaders": {"traceparent": [PARENT], "Baggage": ["other"]},
        }

        assert carrier(event, (), FIELDS) == {"baggage": "a=b", "traceparent": [PARENT]}

    def test_a_state_is_not_taken_from_another_source_than_its_parent(self):
        event = {"headers": {"traceparent": PARENT}}

        assert carrier(event, ({"tracestate": "a=b"},), FIELDS) == {"traceparent": PARENT}

    @pytest.mark.parametrize("event", STRANGE_EVENTS, ids=repr)
    def test_an_event_of_any_kind_is_put_up_with(self, event):
        assert carrier(event, (7, "x", [1]), FIELDS) == {}

    @pytest.mark.parametrize("value", [None, 7, {}, [], [7], [PARENT, None]], ids=repr)
    def test_a_value_that_is_no_text_is_none(self, value):
        event = {"headers": {"traceparent": value, 7: PARENT}}

        assert carrier(event, (), FIELDS) == {}
