"""What the handler's result says of the invocation: a failure need not be an exception.

Only a result that somebody reads is judged: the same dict, returned to whoever invoked the
function directly, is data. A result may be any object, and is not touched: types are asked, not
instances, whose ``__class__`` may be code; what is read is read with the methods of the built-in
types, whatever a class of the customer's has made of them.
"""

from __future__ import annotations

from typing import cast

from otel_layer.core.trigger import BATCH_RESPONSE, HTTP_RESPONSE

STATUS_CODE = "http.response.status_code"
FAILURE_COUNT = "aws.lambda.batch_item_failure_count"
"""How many records the function wants again. The semantic conventions have no name for it: this
one is Lambda's word in their namespace for Lambda, with their suffix for counts."""

BATCH_ITEM_FAILURES = "batch_item_failures"
"""The ``error.type``, for which the conventions ask for few values and a form of the
instrumentation's own choice."""

_SERVER_ERROR = 500
_CODES = range(100, 1000)
"""Status codes are integers of three digits (RFC 9110, 15). API Gateway and load balancers
answer 502 in place of anything else."""

_DIGIT_COUNT = 3
_DIGITS = frozenset("0123456789")


class Verdict:
    """What to say about a result on the root span."""

    __slots__ = ("attributes", "description", "error_type")

    def __init__(
        self, attributes: dict[str, int], error_type: str = "", description: str | None = None
    ) -> None:
        """Make a verdict.

        Args:
            attributes: Of the span.
            error_type: The attribute ``error.type`` of a failure; empty for none.
            description: Of a failure's status, where the attributes do not say it all.
        """
        self.attributes = attributes
        self.error_type = error_type
        self.description = description


def judge(response_format: str | None, result: object) -> Verdict | None:
    """Judge what the handler returned.

    Args:
        response_format: By which the result will be read; see ``core/trigger.py``.
        result: What the handler returned.

    Returns:
        None where there is nothing to say.
    """
    # The runtime client makes JSON objects of dicts alone; a Mapping it refuses.
    if not issubclass(type(result), dict):
        return None
    given = cast("dict[object, object]", result)
    if response_format == HTTP_RESPONSE:
        return _http_response(given)
    if response_format == BATCH_RESPONSE:
        return _batch_response(given)
    return None


def _http_response(result: dict[object, object]) -> Verdict | None:
    """Judge as a server: an answer below 500 is no failure of the function's.

    Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status: the code as
    text is the ``error.type``, and there is no description, because the code says it.
    """
    code = _status_code(dict.get(result, "statusCode"))
    if code is None:
        return None
    return Verdict({STATUS_CODE: code}, str(code) if code >= _SERVER_ERROR else "")


def _status_code(value: object) -> int | None:
    kind = type(value)
    code = 0
    if issubclass(kind, int):
        code = int.__int__(cast("int", value))  # an ``HTTPStatus`` is one, too
    elif kind is float and cast("float", value).is_integer():
        code = int(cast("float", value))
    elif (
        kind is str
        and len(cast("str", value)) == _DIGIT_COUNT
        and _DIGITS.issuperset(cast("str", value))
    ):
        code = int(cast("str", value))  # API Gateway takes the digits as text, too
    return code if code in _CODES else None


def _batch_response(result: dict[object, object]) -> Verdict | None:
    """Judge by whether records are to be delivered again.

    An empty list, or none, is complete success. Any other one is at least a partial failure;
    what is listed is counted, not looked up: a list that Lambda cannot read means all of them.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    failures = dict.get(result, "batchItemFailures")
    count = 0
    if issubclass(type(failures), list):
        count = list.__len__(cast("list[object]", failures))
    elif issubclass(type(failures), tuple):  # becomes a JSON array as well
        count = tuple.__len__(cast("tuple[object, ...]", failures))
    if count == 0:
        return None
    return Verdict({FAILURE_COUNT: count}, BATCH_ITEM_FAILURES, f"batchItemFailures: {count}")
