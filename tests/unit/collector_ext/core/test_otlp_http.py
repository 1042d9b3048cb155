"""What the receiver answers, and what it takes."""

from __future__ import annotations

import gzip
import zlib

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # it has no stubs

from collector_ext.core import otlp_http
from collector_ext.core.events import PayloadReceived, RequestRefused
from collector_ext.core.http1 import Request, ResponseReader
from collector_ext.core.otlp import JSON, LOGS, METRICS, PROTOBUF, TRACES, Payload
from collector_ext.core.otlp_items import item_count
from tests.fakes.trace_requests import export_request, span_id

SPANS = export_request(("root", span_id(1)))
TWO = export_request(("root", span_id(1)), ("child", span_id(2)))


def post(path="/v1/traces", body=SPANS, content_type=PROTOBUF, *, method="POST", **headers):
    """A request; header names with underscores for hyphens."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    keep_alive = spelled.pop("connection", "") != "close"
    return Request(method, path, {"content-type": content_type, **spelled}, body, keep_alive)


def receive(request):
    """The answer as a value, and the event."""
    answer, event = otlp_http.receive(request)
    reader = ResponseReader(body_bytes_max=10_000)
    reader.feed(answer)
    return reader.next_response(), event


def status_of(request):
    """The status with which a request is refused, which the event must tell as well."""
    response, event = receive(request)
    assert isinstance(event, RequestRefused)
    assert event.status == response.status
    return response.status


class TestWhatIsTaken:
    """It is answered 200, in the encoding it came in."""

    @pytest.mark.parametrize(
        ("path", "signal"),
        [("/v1/traces", TRACES), ("/v1/metrics", METRICS), ("/v1/logs?a=b", LOGS)],
    )
    def test_each_signal_at_its_path(self, path, signal):
        response, event = receive(post(path))

        taken = Payload(signal, PROTOBUF, SPANS, item_count(signal, SPANS), is_suspect=False)
        assert event == PayloadReceived(taken, "", "")
        assert (response.status, response.body) == (200, b"")
        assert response.headers["content-type"] == PROTOBUF

    def test_json(self):
        response, event = receive(post(body=b'{"resourceSpans": []}', content_type=JSON))

        assert event.payload.body == b'{"resourceSpans": []}'
        assert (response.status, response.body) == (200, b"{}")

    @pytest.mark.parametrize(
        "body",
        [b"{}", b'{"resourceSpans": null}', b'{"resourceSpans": [], "new": 1}', b'{"new": 1}'],
    )
    def test_json_with_fields_that_are_not_known_or_say_nothing(self, body):
        _, event = receive(post(body=body, content_type=JSON))

        assert event.payload.body == body

    def test_a_content_type_with_parameters(self):
        _, event = receive(post(body=b"{}", content_type="Application/JSON; charset=utf-8"))

        assert event.payload.content_type == JSON

    def test_gzip_is_inflated(self):
        _, event = receive(post(body=gzip.compress(SPANS), content_encoding="gzip"))

        assert event.payload.body == SPANS

    @pytest.mark.parametrize("level", [0, 1, 6, 9])
    @pytest.mark.parametrize("window", [zlib.MAX_WBITS, -zlib.MAX_WBITS], ids=["zlib", "raw"])
    def test_deflate_is_inflated_with_its_head_or_without(self, window, level):
        deflate = zlib.compressobj(level, wbits=window)
        body = deflate.compress(SPANS) + deflate.flush()

        _, event = receive(post(body=body, content_encoding="deflate"))

        assert event.payload.body == SPANS

    def test_gzip_in_several_members_is_inflated(self):
        body = gzip.compress(SPANS) + gzip.compress(TWO)

        _, event = receive(post(body=body, content_encoding="gzip"))

        assert event.payload.body == SPANS + TWO

    def test_the_last_request_of_a_connection_is_answered_so(self):
        response, _ = receive(post(connection="close"))

        assert response.headers["connection"] == "close"


class TestTheInvocation:
    """Two headers say which it belongs to, and where that stands."""

    @pytest.mark.parametrize("phase", ["start", "snapshot", "end"])
    def test_its_phase_is_told(self, phase):
        request = post(lambda_invocation_id="r-1", lambda_invocation_phase=phase)

        _, event = receive(request)

        assert (event.request_id, event.phase) == ("r-1", phase)

    def test_a_root_of_no_invocation_is_of_a_failed_initialisation(self):
        _, event = receive(post(lambda_invocation_phase="start"))

        assert (event.request_id, event.phase) == ("", "start")

    def test_ordinary_requests_have_no_phase(self):
        _, event = receive(post(lambda_invocation_id="r-1"))

        assert (event.request_id, event.phase) == ("r-1", "")

    def test_an_end_may_be_empty(self):
        request = post(body=b"", lambda_invocation_id="r-1", lambda_invocation_phase="end")

        _, event = receive(request)

        assert event.payload.body == b""

    @pytest.mark.parametrize(
        "request_",
        [
            post(lambda_invocation_phase="end"),
            post(lambda_invocation_id="r-1", lambda_invocation_phase="middle"),
            post("/v1/logs", lambda_invocation_id="r-1", lambda_invocation_phase="end"),
            post(
                body=b"{}",
                content_type=JSON,
                lambda_invocation_id="r-1",
                lambda_invocation_phase="end",
            ),
            post(body=TWO, lambda_invocation_id="r-1", lambda_invocation_phase="start"),
            post(body=b"", lambda_invocation_id="r-1", lambda_invocation_phase="start"),
            post(
                body=b"\x0a\x04\x12\x02\x12\x05",
                lambda_invocation_id="r-1",
                lambda_invocation_phase="snapshot",
            ),
        ],
        ids=["no id", "unknown", "logs", "JSON", "two roots", "no root", "not to be walked"],
    )
    def test_a_phase_that_makes_no_sense_is_refused(self, request_):
        assert status_of(request_) == 400


class TestWhatIsRefused:
    """The client is told why, in its own encoding, and so is the log."""

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (post("/v1/other"), 404),
            (post(method="GET"), 405),
            (post(content_type="text/plain"), 415),
            (post(content_type=""), 415),
            (post(content_encoding="br"), 415),
            (post(body=b"no gzip", content_encoding="gzip"), 400),
            (post(body=b"\x78no deflate", content_encoding="deflate"), 400),
            (post(body=zlib.compress(bytes(21 * 1024 * 1024)), content_encoding="deflate"), 413),
            (post(body=gzip.compress(SPANS)[:-9], content_encoding="gzip"), 400),
            (post(body=gzip.compress(b"") * 100, content_encoding="gzip"), 400),
            (post(body=gzip.compress(bytes(21 * 1024 * 1024)), content_encoding="gzip"), 413),
            (post(body=SPANS[:-1]), 400),
            (post(body=b"[]", content_type=JSON), 400),
            (post(body=b"{", content_type=JSON), 400),
            (post(body=b'{"resourceSpans": {}}', content_type=JSON), 400),
        ],
        ids=[
            "path",
            "method",
            "content type",
            "no content type",
            "encoding",
            "not gzip",
            "not deflate",
            "deflate that is too much",
            "cut gzip",
            "gzip in too many members",
            "too large inflated",
            "cut protobuf",
            "JSON list",
            "no JSON",
            "JSON of another shape",
        ],
    )
    def test_with_the_status_that_says_so(self, request_, status):
        assert status_of(request_) == status

    def test_what_is_said_about_it_is_short(self):
        _, event = receive(post(content_type="x" * 9000, method="y" * 9000))

        assert len(event.reason) <= 200

    def test_the_answer_to_protobuf_is_protobuf(self):
        response, event = receive(post(body=b"hello"))

        status = Status.FromString(response.body)
        assert (response.headers["content-type"], status.code) == (PROTOBUF, 3)
        assert event.reason == f"POST /v1/traces: {status.message}"

    def test_the_answer_to_anything_else_is_json(self):
        response, _ = receive(post("/v1/other", content_type="text/plain"))

        assert response.headers["content-type"] == JSON
        assert response.body.startswith(b'{"code":12,"message":"OTLP is received at')

    def test_the_method_that_is_allowed_is_named(self):
        response, _ = receive(post(method="GET"))

        assert response.headers["allow"] == "POST"
