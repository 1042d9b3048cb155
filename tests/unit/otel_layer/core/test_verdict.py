"""Which results are failures, and what is said of them."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus

import pytest

from otel_layer.core.trigger import BATCH_RESPONSE, HTTP_RESPONSE
from otel_layer.core.verdict import judge


def verdict(response_format, result):
    """The parts of a verdict; None for none."""
    found = judge(response_format, result)
    return found and (found.attributes, found.error_type, found.description)


def status(value):
    """The verdict on an HTTP response with this status code."""
    return verdict(HTTP_RESPONSE, {"statusCode": value, "body": "x"})


def unreadable(*_):
    """Stand for a method of a class of the customer's."""
    raise RuntimeError


def hostile(kind):
    """Make a class like ``kind`` whose own methods are of no use."""
    names = ("__getitem__", "__contains__", "__len__", "__iter__", "__bool__", "get", "items")
    return type("Hostile", (kind,), dict.fromkeys(names, unreadable))


LAZY = type("Lazy", (), {"__class__": property(unreadable)})
"""A proxy, whose class is computed when it is asked for."""


class TestAnHTTPResponse:
    """Judged as the conventions for HTTP servers do: from 500 on it is the function's failure."""

    @pytest.mark.parametrize("code", [500, 502, 503, 599])
    def test_from_500_on_it_is_an_error_of_that_name(self, code):
        assert status(code) == ({"http.response.status_code": code}, str(code), None)

    @pytest.mark.parametrize("code", [100, 200, 204, 302, 404, 429, 499])
    def test_below_there_is_the_code_and_no_error(self, code):
        assert status(code) == ({"http.response.status_code": code}, "", None)

    @pytest.mark.parametrize("value", ["503", 503.0, HTTPStatus.SERVICE_UNAVAILABLE], ids=repr)
    def test_the_code_is_read_in_each_form_that_is_answered_with(self, value):
        assert status(value) == ({"http.response.status_code": 503}, "503", None)
        assert type(status(value)[0]["http.response.status_code"]) is int

    @pytest.mark.parametrize(
        "value",
        [
            *(None, True, False, 0, -500, 50, 5000, 10**400),
            *("", "OK", "50", "5000", "0500", "500 ", "-500", "５００", "5" * 5000),
            *(500.5, float("nan"), float("inf"), Decimal(500)),
            *([500], {"code": 500}, b"500", object()),
        ],
        ids=lambda value: f"{type(value).__name__} {value!r:.12}",
    )
    def test_what_is_no_code_says_nothing(self, value):
        assert status(value) is None

    def test_one_without_a_code_says_nothing(self):
        assert verdict(HTTP_RESPONSE, {"body": "x"}) is None

    def test_failures_of_a_batch_are_nothing_to_it(self):
        assert verdict(HTTP_RESPONSE, {"batchItemFailures": [{}]}) is None


class TestABatchResponse:
    """A failure if records are to be delivered again."""

    @pytest.mark.parametrize("kind", [list, tuple, hostile(list)])
    def test_what_is_listed_is_counted(self, kind):
        failures = kind([{"itemIdentifier": "a"}, {"itemIdentifier": "b"}])

        assert verdict(BATCH_RESPONSE, {"batchItemFailures": failures}) == (
            {"aws.lambda.batch_item_failure_count": 2},
            "batch_item_failures",
            "batchItemFailures: 2",
        )

    def test_an_identifier_that_lambda_cannot_read_is_a_failure_all_the_same(self):
        assert verdict(BATCH_RESPONSE, {"batchItemFailures": [None]})[1] == "batch_item_failures"

    @pytest.mark.parametrize(
        "result",
        [{}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"batchItemFailures": "abc"}],
        ids=repr,
    )
    def test_none_listed_is_success(self, result):
        assert verdict(BATCH_RESPONSE, result) is None

    def test_a_status_code_is_nothing_to_it(self):
        assert verdict(BATCH_RESPONSE, {"statusCode": 500}) is None


class TestAnyOtherResult:
    """Data, of any kind."""

    @pytest.mark.parametrize("result", [{"statusCode": 500}, {"batchItemFailures": [{}]}], ids=repr)
    def test_what_nobody_reads_is_not_judged(self, result):
        assert verdict(None, result) is None

    @pytest.mark.parametrize("response_format", [HTTP_RESPONSE, BATCH_RESPONSE, None])
    @pytest.mark.parametrize(
        "result",
        [None, [500], "500", b'{"statusCode": 500}', 500, 1.5, object(), {}],
        ids=lambda result: type(result).__name__,
    )
    def test_what_is_no_object_says_nothing(self, response_format, result):
        assert verdict(response_format, result) is None

    def test_no_code_of_the_customer_s_is_run(self):
        http = hostile(dict)(statusCode=500)
        batch = hostile(dict)(batchItemFailures=[1])

        assert verdict(HTTP_RESPONSE, http)[1] == "500"
        assert verdict(BATCH_RESPONSE, batch)[1] == "batch_item_failures"

    def test_a_proxy_is_not_evaluated(self):
        assert judge(HTTP_RESPONSE, LAZY()) is None
        assert judge(HTTP_RESPONSE, {"statusCode": LAZY()}) is None
        assert judge(BATCH_RESPONSE, {"batchItemFailures": LAZY()}) is None
