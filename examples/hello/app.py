"""A function that makes two HTTP calls: the example of the article, in Python.

It knows nothing of OpenTelemetry: the layer sees the calls by itself.

Variables:
    SERVICE_URL: The service to call, e.g. ``https://example.com``; it has to answer
        ``GET /hello`` and ``POST /messages``, if it likes ``GET /slow``.
"""

import json
import os

import requests
import urllib3

SERVICE_URL = os.environ["SERVICE_URL"]
TIMEOUT_S = 2.0  # of each call; below Lambda's default of 3 s for the whole invocation

session = requests.Session()
pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT_S)


class GreetingRefusedError(Exception):
    """The event asked for a failure."""


def handler(event, context):
    """Say hello to the service.

    Args:
        event: ``{}``, or ``{"fail": true}`` to raise after the first call, or ``{"hang": true}``
            to make the second one ``GET /slow``, and without a time limit.
        context: Of the invocation; not used.
    """
    session.get(f"{SERVICE_URL}/hello", timeout=TIMEOUT_S).raise_for_status()
    if event.get("fail"):
        message = "the event asked for a failure"
        raise GreetingRefusedError(message)
    if event.get("hang"):
        session.get(f"{SERVICE_URL}/slow")  # without a time limit: the mistake to be shown
    pool.request("POST", f"{SERVICE_URL}/messages", json={"message": "hello world"})
    print("greeted", SERVICE_URL)  # noqa: T201 - what is printed is in the function's log
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"message": "OK"}),
    }
