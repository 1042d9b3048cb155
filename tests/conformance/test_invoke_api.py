"""The Invoke API and the log: what a caller and a reader of CloudWatch see."""

from __future__ import annotations

import base64
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lambda_sandbox.edge.invoke_server import InvokeServer
from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import LOOP, REGISTERED, Answer, Story, function, layer_of, told

ANSWER_WITHIN_S = 30.0
CONTEXT = {"custom": {"color": "red"}, "env": None}


def post(server, event, **headers):
    """Invoke the function over HTTP."""
    api = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=ANSWER_WITHIN_S)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    api.request("POST", "/2015-03-31/functions/story/invocations", event, names)
    response = api.getresponse()
    answer = Answer(response.status, response.read().decode(), dict(response.headers))
    api.close()
    return answer


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Invocations of every outcome, two of them at the same time."""
    layer = layer_of(tmp_path_factory.mktemp("invoke"), external=[REGISTERED, LOOP])
    context = base64.b64encode(json.dumps(CONTEXT).encode()).decode()
    kept: dict[str, Any] = {}
    with Sandbox(function(layer, timeout_s=2)) as sandbox, InvokeServer(sandbox) as server:
        kept["answer"] = post(server, told("answer"), X_Amz_Log_Type="Tail")
        kept["log"] = post(server, told("log"))
        kept["context"] = post(server, told("describe"), X_Amz_Client_Context=context)
        kept["error"] = post(server, told("fail"))
        with ThreadPoolExecutor(2) as callers:
            kept["two"] = list(callers.map(lambda _: post(server, told("answer")), range(2)))
        kept["timeout"] = post(server, told("hang"))
        kept["exit"] = post(server, told("exit_", status=1))
    told_ = Story(sandbox)
    told_.outcomes |= kept
    return told_


def log_of(story, request_id):
    """Return the platform's lines that name a request, up to their first tabulator."""
    lines = [line.text for line in story.sandbox.logs if line.source == "platform"]
    return [text.split("\t")[0] for text in lines if request_id in text]


class TestTheCaller:
    """Gets what AWS's own clients expect."""

    @pytest.mark.rule("§8", "A response is 200 with the payload and no X-Amz-Function-Error")
    def test_gets_the_response(self, story):
        answer = story.outcomes["answer"]

        assert answer.status == 200
        assert answer.body["request_id"] == answer.headers["x-amzn-RequestId"]
        assert "X-Amz-Function-Error" not in answer.headers

    @pytest.mark.rule("§8", "An error of the handler is 200 with X-Amz-Function-Error: Unhandled")
    def test_gets_the_error_of_the_handler(self, story):
        answer = story.outcomes["error"]

        assert (answer.status, answer.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
        assert (answer.body["errorType"], answer.body["errorMessage"]) == ("ValueError", "no")

    @pytest.mark.rule("§8", "A timeout is 200 with X-Amz-Function-Error and a JSON body")
    def test_gets_the_timeout(self, story):
        answer = story.outcomes["timeout"]

        assert (answer.status, answer.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
        assert answer.body["errorMessage"].endswith("Task timed out after 2.00 seconds")

    @pytest.mark.rule("§8", "An exit of the runtime is 200 with X-Amz-Function-Error")
    def test_gets_the_exit_of_the_runtime(self, story):
        answer = story.outcomes["exit"]

        assert (answer.status, answer.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
        assert answer.body["errorType"] == "Runtime.ExitError"

    @pytest.mark.rule("§8", "A client context, base64, reaches the function decoded")
    def test_may_send_a_client_context(self, story):
        assert story.outcomes["context"].body["client"] == CONTEXT

    @pytest.mark.rule("§8", "With `X-Amz-Log-Type: Tail` the end of the log is in the answer")
    def test_may_have_the_end_of_the_log(self, story):
        answer = story.outcomes["answer"]

        tail = base64.b64decode(answer.headers["X-Amz-Log-Result"]).decode()
        assert tail.startswith(f"START RequestId: {answer.body['request_id']} Version: $LATEST\n")

    @pytest.mark.rule("§8", "Invocations at the same time are all answered, one after the other")
    def test_need_not_be_alone(self, story):
        one, other = (answer.body for answer in story.outcomes["two"])

        assert one["pid"] == other["pid"]
        assert one["request_id"] != other["request_id"]


class TestTheLog:
    """Is CloudWatch's."""

    @pytest.mark.rule("§8", "START, END and REPORT name the request's own id")
    def test_names_the_request(self, story):
        request_id = story.outcomes["answer"].body["request_id"]

        assert log_of(story, request_id) == [
            f"START RequestId: {request_id} Version: $LATEST",
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}",
        ]

    @pytest.mark.rule("§3.1", "What the function logs comes in frames: a record is one line")
    def test_has_a_record_whole(self, story):
        own = [line.text for line in story.sandbox.logs if line.source == "function"]

        (error,) = (text for text in own if text.startswith("[ERROR] ValueError: no"))
        assert error.splitlines()[1] == "Traceback (most recent call last):"

    @pytest.mark.rule("§3.1", "A text record has level, time, request id and message")
    def test_has_a_record_with_its_request(self, story):
        request_id = story.outcomes["log"].headers["x-amzn-RequestId"]

        (line,) = (line.text for line in story.sandbox.logs if line.text.startswith("[WARNING]"))
        level, _, logged_by, message = line.rstrip("\n").split("\t")
        assert (level, logged_by, message) == ("[WARNING]", request_id, "logged")

    @pytest.mark.rule("§4.1", "REPORT of the first invocation has Init Duration, no other has")
    def test_reports_the_initialisation_once(self, story):
        reports = [line.text for line in story.sandbox.logs if line.text.startswith("REPORT ")]

        # A suppressed init is part of its invocation's own duration.
        assert ["Init Duration" in text for text in reports] == [True, *[False] * 7]
