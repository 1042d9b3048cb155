"""The HTTP server of Lambda's Invoke API, for boto3, the AWS command line and curl.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import os
import threading
import uuid
from collections import Counter
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.apis import invoke_api
from lambda_sandbox.core.apis.invoke_api import ASYNCHRONOUS, SYNCHRONOUS, Call
from lambda_sandbox.core.function import MANAGED_INSTANCES
from lambda_sandbox.core.http1 import Request, response_bytes
from lambda_sandbox.core.invocation import SandboxError
from lambda_sandbox.edge.connections import LOOPBACK, Connections, requests_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from typing_extensions import Self

    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.history import LogLine
    from lambda_sandbox.core.invocation import Outcome


ANSWER_TIMEOUT_S = 1.0
"""How long a client has at the end to read its answer; far more than one that reads needs."""


class PortError(Exception):
    """The port cannot be had: it is taken, or not for everybody."""


class Invocable(Protocol):
    """What a ``Sandbox`` is to this server."""

    @property
    def facts(self) -> FunctionFacts:
        """The function as the platform's APIs name it."""

    @property
    def logs(self) -> list[LogLine]:
        """The lines of the log so far."""

    def invoke(
        self,
        payload: bytes,
        *,
        request_id: str | None,
        trace_header: str | None,
        client_context: str | None,
    ) -> Outcome:
        """Invoke the function and wait for the outcome."""

    def follow(self, number: int) -> Iterator[LogLine]:
        """Yield the lines of the log from that number on, as they are written."""

    def close(self) -> None:
        """End it at once: whoever waits for an outcome is refused."""


class Record(Protocol):
    """What takes note of invocations."""

    def __call__(
        self, payload: bytes, *, trace_header: str | None, client_context: str | None
    ) -> None:
        """Take note of one that is about to be asked for.

        Raises:
            SandboxError: It cannot, and the invocation is refused.
        """


class InvokeServer:
    """Serve one function on a loopback port, as a context manager.

    Invocations are queued up for the sandbox in the order in which they came. Asynchronous ones
    have a queue of their own: as many of them are asked for at a time as the function has workers,
    one if it is no managed instance. At the end of the block no request is taken any more, and
    what was accepted is finished, asynchronous invocations included; if the block is interrupted,
    the sandbox is closed instead.

    Args:
        sandbox: Where the function runs.
        port: 0 for any free one.
        record: Told of each invocation, when it is its turn to be queued up.

    Raises:
        PortError: On entry, if the port cannot be had.
    """

    def __init__(self, sandbox: Invocable, *, port: int = 0, record: Record | None = None) -> None:
        self._sandbox = sandbox
        self._record = record
        self._wanted_port = port
        self._queue: SimpleQueue[tuple[Call, str] | None] = SimpleQueue()
        self._changed = threading.Condition()  # guards the counts
        self._counts: Counter[str] = Counter()
        self._closing = False
        facts = sandbox.facts
        is_managed = facts.initialization_type == MANAGED_INSTANCES
        self._workers = [
            threading.Thread(target=self._work, name=f"asynchronous invocations {number}")
            for number in range(facts.max_concurrency if is_managed else 1)
        ]
        self._connections: Connections | None = None

    def __enter__(self) -> Self:
        try:
            self._connections = Connections(self._serve, port=self._wanted_port)
        except OSError as error:
            message = f"cannot serve on port {self._wanted_port}: {os.strerror(error.errno or 0)}"
            raise PortError(message) from error
        for worker in self._workers:
            worker.start()
        self._connections.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
            else:
                self._sandbox.close()
        except BaseException:  # an impatient Ctrl-C
            self._sandbox.close()
            raise
        finally:
            self._finish_asynchronous()
            self._running.close()

    def _finish(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._counts["calls"])
            self._changed.wait_for(lambda: not self._counts["answers"], ANSWER_TIMEOUT_S)
        self._finish_asynchronous()

    def _finish_asynchronous(self) -> None:
        self._queue.put(None)
        for worker in self._workers:
            worker.join()

    @property
    def _running(self) -> Connections:
        assert self._connections is not None, "an InvokeServer is used in a with statement"
        return self._connections

    @property
    def url(self) -> str:
        """What a client's ``endpoint_url`` has to be."""
        return f"http://{LOOPBACK}:{self._running.port}"

    @property
    def invocations_url(self) -> str:
        """Where clients post events that know nothing of AWS."""
        return f"{self.url}/2015-03-31/functions/{self._sandbox.facts.name}/invocations"

    def _serve(self, connection: socket.socket, _number: int) -> None:
        for request in requests_of(connection):
            with self._under_way("answers"):
                with self._under_way("calls"):
                    reply = _gone() if self._closing else self._answer(request)
                connection.sendall(response_bytes(reply.status, reply.headers, reply.body))
            if request.headers.get("connection", "").lower() == "close":
                return

    @contextmanager
    def _under_way(self, what: str) -> Iterator[None]:
        with self._changed:
            self._counts[what] += 1
        try:
            yield
        finally:
            with self._changed:
                self._counts[what] -= 1
                self._changed.notify_all()

    def _answer(self, request: Request) -> Reply:
        request_id, facts = str(uuid.uuid4()), self._sandbox.facts
        call = invoke_api.call_of(request, facts, request_id)
        if isinstance(call, Reply):
            return call
        if call.invocation_type == SYNCHRONOUS:
            return self._invoke(call, request_id)
        if call.invocation_type == ASYNCHRONOUS:
            self._queue.put((call, request_id))
        return invoke_api.accepted(call, facts, request_id)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            self._invoke(*item)
        self._queue.put(None)  # for the next of the workers

    def _invoke(self, call: Call, request_id: str) -> Reply:
        sandbox = self._sandbox
        number = len(sandbox.logs) if call.log_wanted else 0
        try:
            if self._record is not None:
                self._record(
                    call.payload,
                    trace_header=call.trace_header,
                    client_context=call.client_context,
                )
            outcome = sandbox.invoke(
                call.payload,
                request_id=request_id,
                trace_header=call.trace_header,
                client_context=call.client_context,
            )
        except SandboxError as error:
            return invoke_api.refusal(invoke_api.SERVICE, str(error), request_id)
        log = None
        # One that never began, because the environment has ended, has no log.
        if call.log_wanted and outcome.status != "failure":
            # The REPORT line comes when the extensions are done, after the outcome.
            lines = (line.text for line in sandbox.follow(number))
            log = invoke_api.log_of(lines, request_id)
        return invoke_api.answer(outcome, sandbox.facts, log)


def _gone() -> Reply:
    text = "the sandbox is shutting down"
    return invoke_api.refusal(invoke_api.SERVICE, text, str(uuid.uuid4()))
