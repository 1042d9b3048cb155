"""The Invoke API, as boto3 and curl use it, in front of real processes."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import subprocess
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import boto3  # type: ignore[import-untyped]  # it has no types
import pytest
from botocore.config import Config  # type: ignore[import-untyped]  # it has no types
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # it has no types

from lambda_sandbox.edge.invoke_server import ANSWER_TIMEOUT_S, InvokeServer, PortError
from lambda_sandbox.sandbox import Function, Sandbox

HERE = Path(__file__).parent
TASK = HERE / "sandbox_task"
DEADLINE_S = 20.0

curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def function(**kwargs):
    return Function(task=TASK, handler="app.obey", name="story", **kwargs)


MEETING = """
import pathlib, time
def handler(event, context):
    pathlib.Path(event["own"]).touch()
    while not pathlib.Path(event["other"]).exists():
        time.sleep(0.01)
"""
"""Ends when another invocation is under way, too."""


@pytest.fixture
def sandbox():
    with Sandbox(function()) as sandbox:
        yield sandbox


@pytest.fixture
def server(sandbox):
    with InvokeServer(sandbox) as server:
        yield server


@pytest.fixture
def client(server):
    client = client_of(server)
    yield client
    client.close()


def client_of(server):
    """What a person's program has, but for the endpoint and the patience."""
    return boto3.client(
        "lambda",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",  # noqa: S106  # what is never checked is no secret
        config=Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=DEADLINE_S),
    )


def told(what, **kwargs):
    """An event that tells ``obey`` what to do."""
    return json.dumps({"do": what, **kwargs}).encode()


def starts(sandbox):
    return [
        event["record"]["requestId"]
        for event in sandbox.events
        if event["type"] == "platform.start"
    ]


class TestBoto3:
    """Finds everything that the documentation of its ``invoke`` promises."""

    def test_gets_the_payload(self, client, sandbox):
        answer = client.invoke(FunctionName="story", Payload=told("succeed"))

        payload = json.load(answer["Payload"])
        assert payload["event"] == {"do": "succeed"}
        assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
        assert "FunctionError" not in answer
        assert "LogResult" not in answer
        assert answer["ResponseMetadata"]["RequestId"] == payload["request_id"]
        assert starts(sandbox) == [payload["request_id"]]

    def test_gets_the_functions_error(self, client):
        answer = client.invoke(FunctionName="story", Payload=told("fail"))

        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        assert json.load(answer["Payload"])["errorType"] == "ValueError"

    def test_gets_the_end_of_the_log_with_its_report(self, client):
        client.invoke(FunctionName="story", Payload=told("fail"))
        answer = client.invoke(FunctionName="story", Payload=told("succeed"), LogType="Tail")

        request_id = answer["ResponseMetadata"]["RequestId"]
        lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
        assert [line.split("\t")[0] for line in lines] == [
            f"START RequestId: {request_id} Version: $LATEST",
            f"handling {request_id}",
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}",
        ]

    def test_gets_the_log_of_an_initialisation_that_failed(self):
        missing = Function(task=TASK, handler="app.missing", name="story")
        with Sandbox(missing) as sandbox, InvokeServer(sandbox) as server:
            client = client_of(server)
            answer = client.invoke(FunctionName="story", LogType="Tail")
            client.close()

        assert json.load(answer["Payload"])["errorType"] == "Runtime.HandlerNotFound"
        assert b"REPORT RequestId: " in base64.b64decode(answer["LogResult"])

    def test_passes_a_client_context(self):
        described = Function(task=TASK, handler="app.describe", name="story")
        context = base64.b64encode(b'{"custom": {"a": "1"}}').decode()
        with Sandbox(described) as sandbox, InvokeServer(sandbox) as server:
            client = client_of(server)
            answer = client.invoke(FunctionName="story", ClientContext=context)
            client.close()

        assert json.load(answer["Payload"])["client"] == {"a": "1"}

    def test_tries_without_running(self, client, sandbox):
        answer = client.invoke(FunctionName="story", InvocationType="DryRun")

        assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
        assert starts(sandbox) == []

    def test_may_name_the_function_by_its_arn_and_version(self, client):
        arn = "arn:aws:lambda:eu-west-1:210987654321:function:story"
        for name in (arn, f"{arn}:$LATEST", "story:live"):
            answer = client.invoke(FunctionName=name, Payload=told("succeed"))
            assert answer["StatusCode"] == 200

    def test_may_send_six_megabytes(self):
        text = "x" * 6_000_000
        with Sandbox(function(timeout_s=20)) as sandbox, InvokeServer(sandbox) as server:
            client = client_of(server)
            answer = client.invoke(FunctionName="story", Payload=told("succeed", text=text))
            payload = json.load(answer["Payload"])
            client.close()

        assert payload["event"]["text"] == text

    def test_raises_the_documented_exceptions(self, client):
        exceptions = client.exceptions

        with pytest.raises(exceptions.ResourceNotFoundException, match="function:other"):
            client.invoke(FunctionName="other")
        with pytest.raises(exceptions.InvalidRequestContentException, match="into json"):
            client.invoke(FunctionName="story", Payload=b"{")
        with pytest.raises(exceptions.InvalidRequestContentException, match="Base64-encoded"):
            client.invoke(FunctionName="story", ClientContext="?")
        with pytest.raises(exceptions.RequestTooLargeException, match="6291456"):
            client.invoke(FunctionName="story", Payload=b"1" * 6_291_457)


class TestATimeout:
    """Is an error of the function, with Lambda's own words."""

    def test_is_told_with_its_log(self):
        with Sandbox(function(timeout_s=0.5)) as sandbox, InvokeServer(sandbox) as server:
            client = client_of(server)
            answer = client.invoke(FunctionName="story", Payload=told("hang"), LogType="Tail")
            client.close()

        message = json.load(answer["Payload"])["errorMessage"]
        assert answer["FunctionError"] == "Unhandled"
        assert message.endswith(" Task timed out after 0.50 seconds")
        assert message in base64.b64decode(answer["LogResult"]).decode()


class TestAnEvent:
    """Is accepted at once, and run when its turn comes."""

    def test_runs_after_the_one_before_it(self, client, sandbox, tmp_path):
        gate = tmp_path / "gate"
        accepted = [
            client.invoke(FunctionName="story", InvocationType="Event", Payload=payload)
            for payload in (told("wait_for", file=str(gate)), told("fail"), told("succeed"))
        ]
        assert [answer["StatusCode"] for answer in accepted] == [202] * 3

        gate.touch()
        ids = [answer["ResponseMetadata"]["RequestId"] for answer in accepted]
        until(sandbox, f"REPORT RequestId: {ids[-1]}")
        assert starts(sandbox) == ids
        reports = [it["record"] for it in sandbox.events if it["type"] == "platform.report"]
        assert "timeout" not in {report["status"] for report in reports}

    def test_runs_beside_others_in_a_managed_instance(self, tmp_path):
        task = tmp_path / "task"
        task.mkdir()
        (task / "app.py").write_text(MEETING)
        places = [str(tmp_path / name) for name in "ab"]
        managed = Function(
            task=task,
            handler="app.handler",
            name="story",
            memory_mb=2048,
            timeout_s=20,
            initialization_type="lambda-managed-instances",
            max_concurrency=2,
        )
        with Sandbox(managed) as sandbox, InvokeServer(sandbox) as server:
            client = client_of(server)
            for own, other in (places, places[::-1]):
                payload = json.dumps({"own": own, "other": other})
                client.invoke(FunctionName="story", InvocationType="Event", Payload=payload)
            client.close()

        reports = [it["record"] for it in sandbox.events if it["type"] == "platform.report"]
        assert [report["status"] for report in reports] == ["success"] * 2

    def test_that_was_accepted_is_run_before_the_end(self, sandbox):
        with InvokeServer(sandbox) as server:
            client = client_of(server)
            for _ in range(3):
                client.invoke(FunctionName="story", InvocationType="Event")
            client.close()

        assert len(starts(sandbox)) == 3


def until(sandbox, beginning):
    """Wait until a line of the log begins like this; the sandbox ends the wait if none does."""
    watchdog = threading.Timer(DEADLINE_S, sandbox.close)
    watchdog.start()
    found = any(line.text.startswith(beginning) for line in sandbox.follow())
    watchdog.cancel()
    watchdog.join()
    assert found, beginning


class TestManyClients:
    """Wait for one another."""

    def test_get_their_own_outcome(self, server, sandbox):
        def call(number):
            client = client_of(server)
            answer = client.invoke(FunctionName="story", Payload=told("succeed", number=number))
            client.close()
            return json.load(answer["Payload"])["event"]["number"]

        with ThreadPoolExecutor(4) as clients:
            assert list(clients.map(call, range(12))) == list(range(12))
        assert len(set(starts(sandbox))) == 12


@curl
class TestCurl:
    """Needs no client of AWS."""

    def run(self, server, *arguments):
        output = subprocess.run(
            ["curl", "-sSi", "--max-time", str(DEADLINE_S), *arguments, server.invocations_url],  # noqa: S607  # wherever it is
            capture_output=True,
            check=True,
        ).stdout
        head, _, body = output.rpartition(b"\r\n\r\n")
        return head.decode(), body

    def test_posts_an_event(self, server):
        head, body = self.run(server, "-d", '{"do": "succeed"}')

        assert head.startswith("HTTP/1.1 200 OK\r\n")
        assert json.loads(body)["event"] == {"do": "succeed"}

    def test_passes_a_trace_on(self, server, sandbox):
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        self.run(server, "-d", '{"do": "succeed"}', "-H", f"X-Amzn-Trace-Id: {trace}")

        (start,) = [it["record"] for it in sandbox.events if it["type"] == "platform.start"]
        assert start["tracing"]["value"] == trace

    def test_is_refused_as_lambda_would(self, server):
        head, body = self.run(server, "-d", "{")

        assert head.startswith("HTTP/1.1 400 Bad Request\r\n")
        assert "x-amzn-ErrorType: InvalidRequestContentException" in head
        assert json.loads(body)["Type"] == "User"

    def test_sends_a_large_event_when_it_is_told_to_go_on(self, server, tmp_path):
        event = tmp_path / "event.json"
        event.write_bytes(told("succeed", text="x" * 2_000_000))

        head, body = self.run(server, "-d", f"@{event}", "-H", "Expect: 100-continue")

        assert head.startswith("HTTP/1.1 100 Continue\r\n")
        assert len(json.loads(body)["event"]["text"]) == 2_000_000


class TestTheServer:
    """Leaves nobody waiting."""

    def test_has_no_log_of_what_never_began(self, client, sandbox):
        sandbox.shutdown()

        with pytest.raises(ClientError, match="the environment was shut down"):
            client.invoke(FunctionName="story", LogType="Tail")

    def test_says_that_its_port_is_taken(self, server, sandbox):
        port = int(server.url.rpartition(":")[2])

        with (
            pytest.raises(PortError, match=f"cannot serve on port {port}: "),
            InvokeServer(sandbox, port=port),
        ):
            pass

    def test_finishes_what_it_accepted(self, sandbox, tmp_path):
        gate = tmp_path / "gate"
        with ThreadPoolExecutor(1) as clients:
            with InvokeServer(sandbox) as server:
                client = client_of(server)
                payload = told("wait_for", file=str(gate))
                answer = clients.submit(client.invoke, FunctionName="story", Payload=payload)
                until(sandbox, "START RequestId: ")
                # Later than a client that does not read would be given up.
                opener = threading.Timer(ANSWER_TIMEOUT_S + 0.3, gate.touch)
                opener.start()

            assert answer.result(DEADLINE_S)["StatusCode"] == 200
            assert gate.exists()
        opener.join()
        client.close()

    def test_refuses_those_who_wait_when_it_is_interrupted(self, sandbox):
        answers: list[Future[object]] = []
        with ThreadPoolExecutor(1) as clients:
            with pytest.raises(KeyboardInterrupt):
                self.interrupt(sandbox, clients, answers)
            error = answers[0].exception(DEADLINE_S)

        assert isinstance(error, (BotoCoreError, ClientError))

    def interrupt(self, sandbox, clients, answers):
        with InvokeServer(sandbox) as server:
            client = client_of(server)
            hang = {"FunctionName": "story", "Payload": told("wait_for", file="/nowhere")}
            for _ in range(2):
                client.invoke(InvocationType="Event", **hang)
            answers.append(clients.submit(client.invoke, **hang))
            until(sandbox, "START RequestId: ")
            client.close()
            raise KeyboardInterrupt

    def test_does_not_wait_for_a_client_that_does_not_read(self):
        with Sandbox(function(timeout_s=20)) as sandbox:
            with InvokeServer(sandbox) as server:
                client = client_of(server)
                payload = told("succeed", text="x" * 6_000_000)
                unread = client.invoke(FunctionName="story", Payload=payload)
            unread["Payload"].close()
            client.close()

        assert len(starts(sandbox)) == 1

    def test_lets_a_client_go_that_wants_to(self, server):
        host = server.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=DEADLINE_S)
        connection.request("GET", "/", headers={"Connection": "close"})

        assert connection.getresponse().status == 404
        assert connection.sock is None or connection.sock.recv(1) == b""
        connection.close()
