"""Failures that are no exceptions, with the real runtime client and events as Lambda sends them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.local_collector import LocalCollector, attributes
from tests.fakes.runtime_api import FunctionProcess, RuntimeApi, layer_from_source

VECTORS = Path(__file__).parents[1] / "vectors" / "lambda_events"
HTTP = ("alb", "api_gateway_http", "api_gateway_http_format_1", "api_gateway_rest", "function_url")
BATCHES = ("dynamodb", "kinesis", "sqs")

ENDS = ("http.response.status_code", "aws.lambda.batch_item_failure_count", "error.type")
"""Attributes of the root that are of the result."""

APP = """
def handler(event, context):
    return {"statusCode": 503, "body": "x", "batchItemFailures": [{"itemIdentifier": "a"}]}


def succeeds(event, context):
    return {"statusCode": 404, "body": "x", "batchItemFailures": []}


class Hostile(dict):
    def __getitem__(self, key):
        raise RuntimeError("not to be called")

    get = __contains__ = __getitem__


def hostile(event, context):
    return Hostile(statusCode=503)


def unserialisable(event, context):
    return {"statusCode": 503, "body": object()}
"""


@pytest.fixture
def posted_and_roots(tmp_path):
    """Invoke a handler with each of the events; returns what it answered, and the roots."""
    layer = layer_from_source(tmp_path / "layer")
    (tmp_path / "app.py").write_text(APP)

    def run(handler, names):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, tmp_path, handler, layer=layer) as function,
        ):
            bodies, roots = [], []
            for name in names:
                event = json.loads((VECTORS / f"{name}.json").read_text())
                bodies.append(json.loads(api.invoke(event, request_id=name).body))
                roots.append(collector.wait_for_end(name)[-1].spans[-1])
            assert function.our_lines == []
        return bodies, roots

    return run


def ends(roots):
    """What each root says of its result: status, description, attributes."""
    return [
        (root.status.code, root.status.message, *map(attributes(root).get, ENDS)) for root in roots
    ]


class TestAFailureThatIsNoException:
    """The root is an error, and the caller gets what the function answered."""

    def test_a_server_error_is_one_to_whoever_asked_over_http(self, posted_and_roots):
        bodies, roots = posted_and_roots("app.handler", HTTP)

        assert ends(roots) == [(2, "", 503, None, "503")] * len(HTTP)
        assert [body["statusCode"] for body in bodies] == [503] * len(HTTP)

    def test_records_to_deliver_again_are_one_to_whoever_sent_a_batch(self, posted_and_roots):
        bodies, roots = posted_and_roots("app.handler", BATCHES)

        assert ends(roots) == [(2, "batchItemFailures: 1", None, 1, "batch_item_failures")] * 3
        assert all(body["batchItemFailures"] == [{"itemIdentifier": "a"}] for body in bodies)

    def test_to_anybody_else_it_is_data(self, posted_and_roots):
        _, roots = posted_and_roots("app.handler", ("eventbridge", "sns", "api_gateway_websocket"))

        assert ends(roots) == [(0, "", None, None, None)] * 3

    def test_an_answer_below_500_is_no_failure(self, posted_and_roots):
        _, roots = posted_and_roots("app.succeeds", ("function_url", "sqs"))

        assert ends(roots) == [(0, "", 404, None, None), (0, "", None, None, None)]

    def test_a_result_of_a_hostile_class_is_answered_as_ever(self, posted_and_roots):
        bodies, roots = posted_and_roots("app.hostile", ("function_url",))

        assert bodies == [{"statusCode": 503}]
        assert ends(roots) == [(2, "", 503, None, "503")]

    def test_one_that_cannot_be_serialised_is_the_runtime_s_error(self, posted_and_roots):
        bodies, roots = posted_and_roots("app.unserialisable", ("alb",))

        assert bodies[0]["errorType"] == "Runtime.MarshalError"
        ((code, message, *rest),) = ends(roots)
        assert (code, rest) == (2, [None, None, "Runtime.MarshalError"])
        assert message.startswith("Runtime.MarshalError: ")
