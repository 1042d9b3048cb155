"""The sender over OTLP/HTTP: what a request looks like, and what its answer means."""

from __future__ import annotations

import json
import socket

import pytest

from collector_ext.core.otlp import JSON, LOGS, SIGNALS, TRACES, ExportRequest
from collector_ext.edge import clock
from collector_ext.edge.senders.otlp_http import sender_of
from tests.fakes.otlp_remote import FakeRemote
from tests.fakes.otlp_settings import BUDGET_S, otlp_http, sent, sent_once
from tests.fakes.payloads import payload_of
from tests.fakes.trace_requests import export_request, span_id

A = export_request(("a", span_id(1)))


@pytest.fixture
def remote():
    """An endpoint that accepts everything."""
    with FakeRemote() as remote:
        yield remote


class TestARequest:
    """It is what the exporter's settings ask for."""

    def test_in_protobuf(self, remote):
        assert sent_once(f"{remote.url}/base", A, headers=[("X-Key", " v "), ("x-key", "w")]) == (
            "delivered"
        )

        (request,) = remote.requests
        assert (request.path, request.body) == ("/base/v1/traces", A)
        assert request.headers["content-type"] == "application/x-protobuf"
        assert request.headers["x-key"] == "w"
        assert "content-encoding" not in request.headers

    @pytest.mark.parametrize("is_gzip", [False, True])
    def test_in_json(self, remote, is_gzip):
        assert sent_once(remote.url, A, is_json=True, is_gzip=dict.fromkeys(SIGNALS, is_gzip)) == (
            "delivered"
        )

        (request,) = remote.requests
        (of_resource,) = json.loads(request.body)["resourceSpans"]
        assert of_resource["scopeSpans"][0]["spans"][0]["name"] == "a"
        assert request.headers["content-type"] == "application/json"
        assert ("content-encoding" in request.headers) == is_gzip

    def test_what_came_in_json_is_sent_as_it_came(self, remote):
        sender = sender_of(otlp_http(remote.url, is_json=True), own_ports=())
        payload = payload_of(TRACES, JSON, b'{ "resourceSpans": [] }')

        sender.send(ExportRequest("otlp_http", TRACES, (payload,)), clock.now() + BUDGET_S)
        sender.close()

        assert remote.requests[0].body == payload.body


class TestAnAnswer:
    """It decides what becomes of the request; none is a fault of the peer."""

    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            (200, "delivered"),
            (401, "HTTP 401 (sent with no header of the configuration); dropped"),
            (408, "HTTP 408; dropped"),
            (429, "HTTP 429; kept"),
            (500, "HTTP 500; dropped"),
            (503, "HTTP 503; kept"),
        ],
    )
    def test_status(self, remote, status, outcome):
        remote.answer = lambda _: (status, b"")

        assert sent_once(remote.url) == outcome

    def test_silence_ends_with_the_signals_own_timeout(self, remote):
        remote.answer = lambda _: None
        timeout_s = {**dict.fromkeys(SIGNALS, BUDGET_S), LOGS: 0.2}
        sender = sender_of(otlp_http(remote.url, timeout_s=timeout_s), own_ports=())

        assert sent(sender, signal=LOGS) == "no answer in time"

    def test_it_may_not_be_our_own(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            settings = otlp_http(f"http://127.0.0.1:{port}")
            sender = sender_of(settings, own_ports=(1, port))

            assert sent(sender) == "it is this collector itself"

    def test_signals_of_one_host_are_one_peer(self, remote):
        sender = sender_of(otlp_http(remote.url), own_ports=())
        requests = [ExportRequest("otlp_http", s, (payload_of(s, JSON, b""),)) for s in SIGNALS]

        assert len({sender.peer_of(request) for request in requests}) == 1
