"""A fake of Lambda's Extensions and Telemetry APIs for one extension.

It answers as the documentation of the two APIs has it, on real sockets, and is told its story
by the test::

    with FakeLambdaApi() as lambda_:
        ...start the extension with AWS_LAMBDA_RUNTIME_API=lambda_.address...
        lambda_.wait_until_asked(1)
        lambda_.invokes("request-1", timeout_s=3)
        lambda_.reports_runtime_done("request-1")
        lambda_.shuts_down("spindown")

It freezes nothing and kills nothing. What the extension does is in ``registrations``,
``subscriptions`` and ``timeline``; a second ``next`` while one is pending is answered 403 and
kept in ``violations``, which a test should find empty.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

IDENTIFIER = "6f1e1a52-0000-4000-8000-000000000001"
PATIENCE_S = 20.0
"""How long to wait for what must happen; only a failing test waits this long."""


class FakeLambdaApi:
    """Serve one extension.

    Args:
        has_telemetry: Answer subscriptions with 200; else 202, as local emulators do.
        refusals: Answers to the first registrations, as (status, error type).
        refused_types: Types of telemetry that no subscription may ask for.
        accepts_invoke: Whether INVOKE may be registered for; not on Managed Instances.
        timeline: Where to note what happened, in order; shared with other fakes.
    """

    def __init__(
        self,
        *,
        has_telemetry: bool = True,
        refusals: tuple[tuple[int, str], ...] = (),
        refused_types: tuple[str, ...] = (),
        accepts_invoke: bool = True,
        timeline: list[str] | None = None,
    ) -> None:
        self.has_telemetry = has_telemetry
        self.accepts_invoke = accepts_invoke
        self.refusals = list(refusals)
        self.refused_types = refused_types
        self.timeline = [] if timeline is None else timeline
        self.registrations: list[dict[str, Any]] = []
        self.subscriptions: list[dict[str, Any]] = []
        self.violations: list[str] = []
        self.asked_count = 0
        self.changed = threading.Condition()
        self._is_pending = False
        self._event: dict[str, Any] | None = None
        self._is_closed = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def address(self) -> str:
        """Host and port, as in AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self._is_closed = True
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_until(self, what: str, is_true: Any) -> None:
        """Wait until ``is_true()``, which is asked again whenever something happened."""
        with self.changed:
            if not self.changed.wait_for(is_true, PATIENCE_S):
                message = f"no {what} within {PATIENCE_S} s: {self.timeline}"
                raise AssertionError(message)

    def wait_until_asked(self, count: int) -> None:
        """Wait until the extension has asked for ``count`` events in all."""
        self.wait_until(f"next number {count}", lambda: self.asked_count >= count)

    def invokes(self, request_id: str, *, timeout_s: float = 30.0) -> None:
        """Answer the pending ``next`` with INVOKE."""
        self._answer(
            {
                "eventType": "INVOKE",
                "deadlineMs": int((time.time() + timeout_s) * 1000),  # noqa: TID251
                "requestId": request_id,
                "invokedFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:SHUTDOWN",
            }
        )

    def shuts_down(self, reason: str = "spindown", *, timeout_s: float = 2.0) -> None:
        """Answer the pending ``next`` with SHUTDOWN."""
        self._answer(
            {
                "eventType": "SHUTDOWN",
                "shutdownReason": reason,
                "deadlineMs": int((time.time() + timeout_s) * 1000),  # noqa: TID251
            }
        )

    def reports_runtime_done(
        self, request_id: str, status: str = "success", error_type: str | None = None
    ) -> None:
        """Deliver ``platform.runtimeDone`` to the subscriber, among records of other types."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z"
        record = {"requestId": request_id, "status": status, "metrics": {"durationMs": 1.0}}
        if error_type:
            record["errorType"] = error_type
        records = [
            {"time": now, "type": "platform.extension", "record": {"name": "x", "state": "Ready"}},
            {"time": now, "type": "platform.runtimeDone", "record": record},
        ]
        self.delivers(json.dumps(records).encode())

    def delivers(self, batch: bytes) -> int:
        """Post bytes to the subscriber; return the status of the answer."""
        port = self.subscriptions[-1]["destination"]["URI"].rsplit(":", 1)[1]
        request = urllib.request.Request(f"http://127.0.0.1:{port}", data=batch, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            return int(answer.status)

    def _answer(self, event: dict[str, Any]) -> None:
        self.wait_until("pending next", lambda: self._is_pending)
        with self.changed:
            self._is_pending = False
            self._event = event
            self.timeline.append(event["eventType"])
            self.changed.notify_all()

    def take_event(self) -> dict[str, Any] | None:
        """Block as ``GET /event/next`` does; None when the fake is closed or was asked twice."""
        with self.changed:
            if self._is_pending:
                self.violations.append("next while one is pending")
                return None
            self._is_pending = True
            self.asked_count += 1
            self.timeline.append("next")
            self.changed.notify_all()
            self.changed.wait_for(lambda: self._event or self._is_closed)
            event, self._event = self._event, None
            return event

    def note(self, what: str, into: list[dict[str, Any]], body: dict[str, Any]) -> None:
        """Remember a call, and wake those who wait for it."""
        with self.changed:
            into.append(body)
            self.timeline.append(what)
            self.changed.notify_all()


def _handler(fake: FakeLambdaApi) -> type[_Handler]:
    class Handler(_Handler):
        api = fake

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for each answer
    api: FakeLambdaApi

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        """Register."""
        body = {**self._body(), "name": self.headers["Lambda-Extension-Name"]}
        if self.api.refusals:
            self._refuse(*self.api.refusals.pop(0))
        elif "INVOKE" in body["events"] and not self.api.accepts_invoke:
            self._refuse(403, "Extension.InvalidEventType")
        else:
            self.api.note("register", self.api.registrations, body)
            self._reply(200, {"functionName": "f"}, {"Lambda-Extension-Identifier": IDENTIFIER})

    def do_PUT(self) -> None:
        """Subscribe."""
        body = self._body()
        self.api.note("subscribe", self.api.subscriptions, body)
        if set(self.api.refused_types) & set(body["types"]):
            self._refuse(400, "ValidationError")
        elif self.api.has_telemetry:
            self._reply(200, "OK")
        else:
            self._refuse(202, "Telemetry.NotSupported")

    def do_GET(self) -> None:
        """Wait for the next event."""
        if self.headers["Lambda-Extension-Identifier"] != IDENTIFIER:
            self._refuse(403, "Extension.UnknownExtensionIdentifier")
            return
        event = self.api.take_event()
        if event is None:
            self._refuse(403, "Extension.InvalidExtensionState")
        else:
            self._reply(200, event)

    def _body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return body

    def _refuse(self, status: int, error_type: str) -> None:
        self._reply(status, {"errorMessage": "refused", "errorType": error_type})

    def _reply(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
