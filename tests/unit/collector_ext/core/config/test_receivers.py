"""``otlp`` among the receivers."""

from __future__ import annotations

import pytest

from collector_ext.core.config import receivers
from collector_ext.core.config.configuration import GrpcReceiver
from tests.fakes.documents import section


def read(text):
    """What is received over gRPC, and what is said."""
    found = section(text, "receivers.otlp")
    return receivers.read(found), found.remarks.complaints


class TestGrpc:
    """Is received when it is named, on loopback."""

    @pytest.mark.parametrize("text", ["", "protocols:", "protocols: {http: }"])
    def test_is_not_received_unless_it_is_named(self, text):
        assert read(text) == (None, ())

    @pytest.mark.parametrize(
        ("text", "port", "mib"),
        [
            ("protocols: {grpc: }", 4317, 4),
            ("protocols: {grpc: {endpoint: 'localhost:4317'}}", 4317, 4),
            ("protocols: {grpc: {endpoint: '0.0.0.0:5317', max_recv_msg_size_mib: 16}}", 5317, 16),
            ("protocols: {grpc: {endpoint: '127.0.0.1'}}", 4317, 4),
        ],
    )
    def test_is_received_on_loopback(self, text, port, mib):
        assert read(text) == (GrpcReceiver("127.0.0.1", port, mib * 1024 * 1024), ())

    def test_without_a_usable_port_is_received_on_its_own(self):
        assert read("protocols: {grpc: {endpoint: 'localhost:x'}}") == (
            GrpcReceiver("127.0.0.1", 4317, 4 * 1024 * 1024),
            (
                (
                    "collector.yaml:1: receivers.otlp.protocols.grpc.endpoint is 'localhost:x', "
                    "which has no usable port; using 4317"
                ),
            ),
        )


class TestHttp:
    """Is always received, on the port that is bound already."""

    @pytest.mark.parametrize("endpoint", ["localhost:4318", "0.0.0.0:4318", "http://0.0.0.0:4318"])
    def test_may_name_that_port(self, endpoint):
        assert read(f"protocols: {{http: {{endpoint: '{endpoint}'}}}}") == (None, ())

    def test_may_not_name_another(self):
        assert read("protocols: {http: {endpoint: 'localhost:55681'}}") == (
            None,
            (
                (
                    "collector.yaml:1: receivers.otlp.protocols.http.endpoint asks for a port, and "
                    "one is bound before a document can be read; OTEL_LAYER_RECEIVER_PORT sets it"
                ),
            ),
        )
