"""The three APIs over real sockets: what clients of every manner may rely on."""

from __future__ import annotations

import http.client
import json
import select
import shutil
import socket
from pathlib import Path
from time import monotonic

import pytest

from lambda_sandbox.core.telemetry import subscriber
from lambda_sandbox.sandbox import Function, Sandbox

HERE = Path(__file__).parent
TASK = HERE / "sandbox_task"
EXTENSIONS = HERE / "sandbox_extensions"
RUNTIME_API = "/2018-06-01/runtime"
ACCEPTED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LINES = {"protocol": "TCP", "port": 4243}
TIMEOUT_S = 5.0


@pytest.fixture
def layer_of(tmp_path):
    """Build a layer that holds the named extensions."""

    def build(*names):
        folder = tmp_path / "layer" / "extensions"
        folder.mkdir(parents=True)
        for name in names:
            shutil.copy(EXTENSIONS / name, folder / name)
        return folder.parent

    return build


@pytest.fixture
def sandbox():
    """An environment in which nobody speaks yet."""
    with Sandbox(Function(task=TASK, handler="app.succeed")) as running:
        yield running


@pytest.fixture
def client(sandbox):
    """One kept-open connection."""
    connection = http.client.HTTPConnection(sandbox.runtime_api, timeout=TIMEOUT_S)
    yield connection
    connection.close()


@pytest.fixture
def raw(sandbox):
    """A bare socket."""
    host, port = sandbox.runtime_api.split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
        yield connection


def call(client, method, target, body=None, **headers):
    """Make a call; return status and body."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request(method, target, body, names)
    response = client.getresponse()
    return response.status, response.read()


def register(client, name, *events):
    """Register; return the identifier."""
    body = json.dumps({"events": events})
    client.request("POST", "/2020-01-01/extension/register", body, {"Lambda-Extension-Name": name})
    response = client.getresponse()
    assert response.status == 200, response.read()
    assert json.loads(response.read())["functionName"] == "function"
    return response.headers["Lambda-Extension-Identifier"]


def receive(raw, until):
    received = b""
    while until not in received:
        more = raw.recv(65_536)
        assert more, received
        received += more
    return received


class TestAConnection:
    """HTTP/1.1 as plain clients speak it."""

    def test_is_kept_open(self, client):
        assert call(client, "GET", "/2018-06-01/ping") == (200, b"pong")
        before = client.sock

        assert call(client, "GET", "/2018-06-01/ping") == (200, b"pong")
        assert client.sock is before

    def test_may_carry_the_next_request_before_the_answer(self, raw):
        raw.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\n\r\n" * 3)

        received = b""
        while received.count(b"pong") < 3:
            received += raw.recv(4096)

    def test_is_told_to_continue_when_it_waits_for_that(self, raw):
        raw.sendall(
            b"POST /2020-01-01/extension/register HTTP/1.1\r\nContent-Length: 2\r\n"
            b"Expect: 100-continue\r\nLambda-Extension-Name: thread\r\n\r\n"
        )
        receive(raw, b"100 Continue\r\n\r\n")

        raw.sendall(b"{}")

        assert b"HTTP/1.1 200 OK" in receive(raw, b'"handler"')

    def test_may_send_in_chunks(self, raw):
        raw.sendall(
            b"POST /2020-01-01/extension/register HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
            b"Lambda-Extension-Name: thread\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
        )

        assert b"HTTP/1.1 200 OK" in receive(raw, b'"handler"')

    def test_that_speaks_something_else_is_closed(self, raw):
        raw.sendall(b"\x16\x03\x01 hello\r\n\r\n")

        assert receive(raw, b"\r\n").startswith(b"HTTP/1.1 400")
        while raw.recv(4096):
            pass

    def test_that_breaks_off_harms_nobody(self, raw, client):
        raw.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        raw.close()

        assert call(client, "GET", "/2018-06-01/ping") == (200, b"pong")


class TestALongPoll:
    """Waits for as long as it takes, and disturbs nobody."""

    def test_is_answered_with_the_invocation_while_others_are_served(self, sandbox):
        api = sandbox.runtime_api
        thread = http.client.HTTPConnection(api, timeout=TIMEOUT_S)
        identifier = register(thread, "thread", "INVOKE")
        me = {"Lambda-Extension-Identifier": identifier}
        thread.request("GET", "/2020-01-01/extension/event/next", headers=me)
        other = http.client.HTTPConnection(api, timeout=TIMEOUT_S)
        assert call(other, "GET", "/2018-06-01/ping") == (200, b"pong")

        outcome = sandbox.invoke(request_id="r-1")

        event = json.loads(thread.getresponse().read())
        assert (event["eventType"], event["requestId"]) == ("INVOKE", "r-1")
        assert outcome.status == "success"
        thread.request("GET", "/2020-01-01/extension/event/next", headers=me)
        sandbox.wait_frozen()
        thread.close()
        other.close()

    def test_of_a_client_that_went_away_is_forgotten(self, sandbox):
        gone = http.client.HTTPConnection(sandbox.runtime_api, timeout=TIMEOUT_S)
        identifier = register(gone, "thread", "INVOKE")
        gone.request(
            "GET",
            "/2020-01-01/extension/event/next",
            headers={"Lambda-Extension-Identifier": identifier},
        )
        while ("asked next", "thread") not in [moment[1:3] for moment in sandbox.timeline]:
            pass
        gone.close()

        assert sandbox.invoke().status == "success"


class TestTelemetry:
    """Delivered where Lambda delivers it, and only while the environment is awake."""

    def function(self, layer, **environ):
        return Function(
            task=TASK, handler="app.succeed", name="story", layer=layer, environ=environ
        )

    def said(self, sandbox):
        return [line.text for line in sandbox.logs if line.name == "listener"]

    def test_reaches_the_listener_at_its_path(self, layer_of):
        with Sandbox(self.function(layer_of("listener"))) as sandbox:
            sandbox.invoke()

        received = self.said(sandbox)
        assert received[0] == 'subscribed 200 "OK"'
        assert received[1:] == [
            "/telemetry platform.initStart",
            "/telemetry platform.telemetrySubscription",
            "/telemetry platform.initRuntimeDone",
            "/telemetry platform.extension",
            "/telemetry platform.initReport",
            "/telemetry platform.start",
            "/telemetry function",
            "/telemetry platform.runtimeDone",
            "/telemetry platform.report",
        ]

    def test_brings_what_the_function_logs_as_json_as_objects(self, layer_of):
        layer = layer_of("listener")
        environ = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
        function = Function(task=TASK, handler="app.fail", layer=layer, environ=environ)
        with Sandbox(function) as sandbox:
            sandbox.invoke()

        assert "/telemetry function ValueError" in self.said(sandbox)

    def test_brings_the_end_of_the_invocation_before_the_extension_asks_next(self, layer_of):
        with Sandbox(self.function(layer_of("listener"))) as sandbox:
            sandbox.invoke()
            sandbox.wait_frozen()
            received = self.said(sandbox)

        assert received[-1] == "/telemetry platform.runtimeDone"
        assert sandbox.events[-1]["type"] == "platform.report"

    def test_does_not_reach_a_listener_that_binds_the_loopback_address_alone(self, layer_of):
        function = self.function(layer_of("listener"), BIND="127.0.0.1")
        with Sandbox(function) as sandbox:
            outcome = sandbox.invoke()

        assert outcome.status == "success"
        assert self.said(sandbox) == ['subscribed 200 "OK"']

    def test_is_not_there_when_it_is_not_wanted(self, layer_of):
        with Sandbox(self.function(layer_of("listener")), telemetry=False) as sandbox:
            outcome = sandbox.invoke()

        assert outcome.status == "success"
        assert self.said(sandbox) == [
            (
                'subscribed 202 {"errorMessage":"Telemetry API is not supported",'
                '"errorType":"Telemetry.NotSupported"}'
            )
        ]


def subscribe(client, identifier, destination, **changes):
    """Subscribe; return status and body."""
    wanted = {
        "schemaVersion": "2022-12-13",
        "types": ["platform"],
        "buffering": {"timeoutMs": 25},
        "destination": destination,
        **changes,
    }
    return call(
        client,
        "PUT",
        "/2022-07-01/telemetry",
        json.dumps(wanted),
        Lambda_Extension_Identifier=identifier,
    )


class TestASubscription:
    """Taken once, while the environment initialises; else refused in the platform's words."""

    def test_that_is_wrong_is_refused(self, client):
        identifier = register(client, "thread")

        status, body = subscribe(client, identifier, LINES, types=["traces"])

        assert (status, json.loads(body)["errorType"]) == (400, "ValidationError")

    def test_that_is_the_second_is_refused(self, client):
        identifier = register(client, "thread")
        assert subscribe(client, identifier, LINES) == (200, b'"OK"')

        status, body = subscribe(client, identifier, LINES)

        assert (status, json.loads(body)["errorType"]) == (500, "InternalServerError")

    def test_that_comes_after_initialisation_is_refused(self, sandbox, client):
        identifier = register(client, "thread", "INVOKE")
        me = {"Lambda-Extension-Identifier": identifier}
        client.request("GET", "/2020-01-01/extension/event/next", headers=me)
        sandbox.invoke()
        client.getresponse().read()

        status, body = subscribe(client, identifier, LINES)

        assert (status, json.loads(body)["errorType"]) == (403, "Telemetry.SubscriptionClosed")


class TestADestination:
    """HTTP, or lines over TCP; a subscriber that does not answer is given up."""

    def subscribed(self, sandbox, destination):
        """Register an extension of our own that subscribes; return its client and identifier."""
        client = http.client.HTTPConnection(sandbox.runtime_api, timeout=TIMEOUT_S)
        identifier = register(client, "thread")
        assert subscribe(client, identifier, destination)[0] == 200
        client.request(
            "GET",
            "/2020-01-01/extension/event/next",
            headers={"Lambda-Extension-Identifier": identifier},
        )
        return client

    def test_may_be_lines_over_one_tcp_connection(self, sandbox):
        with socket.create_server(("127.0.0.2", 0)) as server:
            server.settimeout(TIMEOUT_S)
            port = server.getsockname()[1]
            client = self.subscribed(sandbox, {"protocol": "TCP", "port": port})
            sandbox.invoke(request_id="r-1")
            sandbox.wait_frozen()
            sandbox.invoke(request_id="r-2")
            sandbox.shutdown()
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                types = [json.loads(line)["type"] for line in lines]

        invocation = ["platform.start", "platform.runtimeDone", "platform.report"]
        assert types[0] == "platform.telemetrySubscription"
        assert types[-6:] == [*invocation, *invocation]
        client.close()

    def test_of_lines_that_hangs_up_is_called_again_and_misses_nothing(self, sandbox):
        with socket.create_server(("127.0.0.2", 0)) as server:
            destination = {"protocol": "TCP", "port": server.getsockname()[1]}
            client = self.subscribed(sandbox, destination)
            with accepted(server, sandbox) as first:
                sandbox.wait_frozen()
                received = first.recv(1 << 20)
            with accepted(server, sandbox) as second, second.makefile("rb") as rest:
                sandbox.shutdown()
                received += rest.read()

        assert [json.loads(line) for line in received.splitlines()] == sandbox.events
        client.close()

    def test_may_begin_to_listen_late(self, sandbox):
        with socket.socket() as late:
            late.bind(("127.0.0.2", 0))  # and does not listen
            uri = f"http://sandbox:{late.getsockname()[1]}/"
            client = self.subscribed(sandbox, {"protocol": "HTTP", "URI": uri})
            sandbox.invoke()
            sandbox.wait_frozen()
            late.listen()
            with accepted(late, sandbox) as connection:
                received = receive(connection, b"]")
                connection.sendall(ACCEPTED)

        assert b"platform.telemetrySubscription" in received
        client.close()

    def test_may_be_named_with_characters_that_no_url_has(self, sandbox):
        with socket.create_server(("127.0.0.2", 0)) as server:
            uri = f"http://sandbox:{server.getsockname()[1]}/ä?€=%20"
            client = self.subscribed(sandbox, {"protocol": "HTTP", "URI": uri})
            with accepted(server, sandbox) as connection:
                batch = receive(connection, b"]")
                connection.sendall(ACCEPTED)

        assert batch.startswith(b"POST /%C3%A4?%E2%82%AC=%20 HTTP/1.1\r\n")
        client.close()

    def test_that_never_answers_does_not_hold_the_freeze_for_ever(self, sandbox):
        with socket.create_server(("127.0.0.2", 0)) as server:
            uri = f"http://sandbox:{server.getsockname()[1]}/"
            client = self.subscribed(sandbox, {"protocol": "HTTP", "URI": uri})
            with accepted(server, sandbox):
                sandbox.wait_frozen(timeout_s=5)
        client.close()

    @pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 500 No\r\n\r\n"])
    def test_that_answers_wrongly_is_asked_again_and_then_told_what_was_dropped(
        self, sandbox, answer, monkeypatch
    ):
        monkeypatch.setattr(subscriber, "ATTEMPTS_MAX", 2)
        with socket.create_server(("127.0.0.2", 0)) as server:
            uri = f"http://sandbox.localdomain:{server.getsockname()[1]}/a?b"
            client = self.subscribed(sandbox, {"protocol": "HTTP", "URI": uri})
            for _ in range(2):
                with accepted(server, sandbox) as refusing:
                    batch = receive(refusing, b"]")
                    assert batch.startswith(b"POST /a?b HTTP/1.1\r\n")
                    assert b"platform.telemetrySubscription" in batch
                    refusing.sendall(answer)
            with accepted(server, sandbox) as accepting:
                dropped = receive(accepting, b"logsDropped")
                accepting.sendall(ACCEPTED)

        assert b'"droppedRecords":' in dropped
        assert "platform.logsDropped" in [event["type"] for event in sandbox.events]
        client.close()


def accepted(server, sandbox):
    """Invoke until a batch that is due comes with the thaw; return its connection."""
    deadline_at = monotonic() + TIMEOUT_S
    while not select.select([server], [], [], 0.03)[0]:
        assert monotonic() < deadline_at
        sandbox.invoke()
    connection, _ = server.accept()
    connection.settimeout(TIMEOUT_S)
    return connection
