"""A function for every way in which an environment comes to be, and how to read what it did."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambda_sandbox.sandbox import Function
from tests.fakes.sandbox_stories import said

if TYPE_CHECKING:
    from lambda_sandbox.sandbox import Outcome, Sandbox

TASK = Path(__file__).with_name("sandbox_modes_task")


def function(initialization_type: Any, **kwargs: Any) -> Function:
    """Return a function whose environments come to be in that way."""
    return Function(
        task=TASK,
        handler="app.handler",
        name="story",
        initialization_type=initialization_type,
        **kwargs,
    )


def told(**event: str) -> bytes:
    """Return the event that tells it what to do."""
    return json.dumps(event).encode()


def result(outcome: Outcome) -> Any:
    """Return what its handler returned, or its error."""
    return json.loads(outcome.payload)


def kinds(sandbox: Sandbox) -> list[str]:
    """Return the types of the platform's events, in their order."""
    return [event["type"].partition(".")[2] for event in sandbox.events]


def records(sandbox: Sandbox, kind: str) -> list[dict[str, Any]]:
    """Return the records of the platform's events of a type."""
    return [event["record"] for event in sandbox.events if event["type"] == f"platform.{kind}"]


def told_to_end(sandbox: Sandbox, extension: str) -> list[str]:
    """Return the reasons that an extension was given."""
    events = [json.loads(line) for line in said(sandbox, extension) if line.startswith("{")]
    return [event["shutdownReason"] for event in events if event["eventType"] == "SHUTDOWN"]


def credentials(sandbox: Sandbox, token: str) -> tuple[int, bytes]:
    """Ask for credentials; return the status and the body of the answer."""
    connection = HTTPConnection(sandbox.runtime_api)
    connection.request("GET", "/2021-04-23/credentials", headers={"Authorization": token})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body
