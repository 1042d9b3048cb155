"""OTLP over gRPC, out: the collector's sender with real servers."""

from __future__ import annotations

import socket
import threading

import grpc
import pytest
import trustme
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]  # it has no stubs
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # as above
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector_ext.core.config.configuration import BearerAuth, OtlpGrpc, SigV4Auth
from collector_ext.core.delivery import failures
from collector_ext.core.events import Delivered, Refused
from collector_ext.core.otlp import JSON, PROTOBUF, SIGNALS, TRACES, ExportRequest
from collector_ext.edge import clock
from collector_ext.edge.http_client import PeerError
from collector_ext.edge.senders import otlp_grpc
from tests.fakes.grpc_remote import PATIENCE_S, GrpcRemote
from tests.fakes.otlp_settings import tls_settings as tls
from tests.fakes.outcomes import failed, refused
from tests.fakes.payloads import payload_of
from tests.fakes.relay import Cutter, Proxy, Relay
from tests.fakes.trace_requests import export_request, span_id

A, B = export_request(("a", span_id(1))), export_request(("b", span_id(2)))

PLAIN = tls(is_plain=True)


def request_of(*bodies, signal=TRACES, content_type=PROTOBUF):
    """An export request as the outbox makes it."""
    payloads = tuple(payload_of(signal, content_type, body) for body in bodies)
    return ExportRequest("otlp_grpc", signal, payloads)


@pytest.fixture
def remote(stack):
    """An endpoint that accepts everything."""
    return stack.enter_context(GrpcRemote())


@pytest.fixture
def sender_to(stack):
    """Make a sender with the settings that a test names."""

    def build(  # noqa: PLR0913 - a test names one or two
        target, *, headers=(), is_gzip=False, timeout_s=PATIENCE_S, security=PLAIN, auth=None
    ):
        settings = OtlpGrpc(
            id="otlp_grpc",
            targets=dict.fromkeys(SIGNALS, target),
            headers=dict.fromkeys(SIGNALS, tuple(headers)),
            is_gzip=dict.fromkeys(SIGNALS, is_gzip),
            timeout_s=dict.fromkeys(SIGNALS, timeout_s),
            tls=dict.fromkeys(SIGNALS, security),
            auth=auth,
        )
        sender = otlp_grpc.sender_of(settings, own_ports=(4317, 4318))
        stack.callback(sender.close)
        return sender

    return build


def send(sender, request=None):
    """Send one request with time enough; return what became of it."""
    return sender.send(request or request_of(A), clock.now() + PATIENCE_S)


class TestSending:
    """A request is one call of its signal's service, and its body is sent as it is."""

    @pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
    def test_each_signal_has_its_service(self, remote, sender_to, signal):
        outcome = send(sender_to(remote.target), request_of(A, B, signal=signal))

        assert outcome == Delivered(request_of(A, B, signal=signal), 0, "")
        assert [(call.signal, call.body) for call in remote.calls] == [(signal.name, A + B)]

    def test_headers_are_metadata(self, remote, sender_to):
        sender = sender_to(
            remote.target, headers=[("X-Api-Key", "a key")], auth=BearerAuth("token")
        )

        send(sender)

        metadata = remote.calls[0].metadata
        assert metadata["x-api-key"] == "a key"
        assert metadata["authorization"] == "Bearer token"
        assert metadata["user-agent"].startswith("otel-layer/")

    def test_gzip_is_sent_compressed(self, stack, sender_to):
        peer = stack.enter_context(Relay())
        remote = stack.enter_context(GrpcRemote())
        large = export_request(*((f"the same name {n % 2}", span_id(n)) for n in range(1, 5000)))
        peer.leads_to = remote.port

        outcome = send(sender_to(peer.target, is_gzip=True), request_of(large))

        assert outcome == Delivered(request_of(large), 0, "")
        assert remote.bodies == [large]
        assert len(peer.sent) < len(large) / 2

    def test_json_is_sent_as_protobuf(self, remote, sender_to):
        text = b'{"resourceSpans":[{"schemaUrl":"x"}]}'

        outcome = send(sender_to(remote.target), request_of(text, content_type=JSON))

        assert isinstance(outcome, Delivered)
        assert remote.bodies == [b"\x0a\x03\x1a\x01x"]

    def test_json_that_is_none_is_refused_here(self, remote, sender_to):
        outcome = send(sender_to(remote.target), request_of(b'{"x": }', content_type=JSON))

        assert (type(outcome), remote.calls) == (Refused, [])
        assert outcome.failure.kind is failures.CONTENT

    def test_the_peer_knows_the_deadline(self, remote, sender_to):
        sender = sender_to(remote.target, timeout_s=5.0)

        send(sender)
        sender.send(request_of(B), clock.now() + 3.0)

        # On the wire it is rounded up.
        assert [round(call.remaining_s) for call in remote.calls] == [5, 3]

    def test_signals_that_share_a_host_share_it_as_their_peer(self, remote, sender_to):
        sender = sender_to(remote.target)

        assert len({sender.peer_of(request_of(A, signal=signal)) for signal in SIGNALS}) == 1

    def test_a_connection_is_kept(self, remote, sender_to):
        sender = sender_to(remote.target)

        for signal in SIGNALS:
            send(sender, request_of(A, signal=signal))

        assert len({call.peer for call in remote.calls}) == 1


class TestTheAnswer:
    """It means what the same answer means over HTTP."""

    def test_a_partial_success_is_passed_on(self, remote, sender_to):
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = 2
        response.partial_success.error_message = "too old"
        remote.answer = lambda _: response.SerializeToString()

        assert send(sender_to(remote.target)) == Delivered(request_of(A), 2, "too old")

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            (grpc.StatusCode.INVALID_ARGUMENT, 400),
            (grpc.StatusCode.RESOURCE_EXHAUSTED, 413),
            (grpc.StatusCode.INTERNAL, 500),
        ],
        ids=lambda value: getattr(value, "name", None),
    )
    def test_a_refusal_is_one(self, remote, sender_to, code, status):
        remote.answer = lambda call: call.abort(code, "because")

        outcome = send(sender_to(remote.target))

        assert outcome == refused(request_of(A), status, f"gRPC {code.name}: because")

    @pytest.mark.parametrize(
        ("code", "status"),
        [(grpc.StatusCode.UNAUTHENTICATED, 401), (grpc.StatusCode.PERMISSION_DENIED, 403)],
    )
    def test_so_is_a_key_that_is(self, remote, sender_to, code, status):
        remote.answer = lambda call: call.abort(code, "because")

        outcome = send(sender_to(remote.target, headers=[("X-Key", "a key")]))

        assert outcome == refused(
            request_of(A), status, f"gRPC {code.name} (sent with the header x-key): because"
        )

    def test_what_may_be_sent_again_is_kept(self, remote, sender_to):
        remote.answer = lambda call: call.abort(grpc.StatusCode.ABORTED, "later")

        assert send(sender_to(remote.target)) == failed(
            request_of(A), "gRPC ABORTED: later", failures.ANSWER
        )

    def test_so_is_what_is_exhausted_for_a_while(self, remote, sender_to):
        detail = Any()
        detail.Pack(RetryInfo())
        details = Status(code=8, details=[detail]).SerializeToString()
        exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
        remote.answer = lambda call: call.abort(exhausted, "wait", details)

        outcome = send(sender_to(remote.target))

        assert outcome == failed(request_of(A), "gRPC RESOURCE_EXHAUSTED: wait", failures.THROTTLED)

    def test_a_request_larger_than_the_peer_takes_is_one_to_be_halved(self, remote, sender_to):
        large = b"\x0a\x80\x80\xc0\x02" + bytes(5 * 1024 * 1024)

        outcome = send(sender_to(remote.target), request_of(large))

        assert (type(outcome), outcome.failure.kind) == (Refused, failures.TOO_LARGE)

    def test_an_answer_that_is_too_large_is_a_success(self, remote, sender_to):
        remote.answer = lambda _: bytes(5 * 1024 * 1024)

        assert send(sender_to(remote.target)) == Delivered(request_of(A), 0, "")

    def test_a_header_that_the_peer_quotes_is_masked(self, remote, sender_to):
        denied = grpc.StatusCode.UNAUTHENTICATED
        remote.answer = lambda call: call.abort(denied, f"unknown: {call.metadata['x-key']}")

        outcome = send(sender_to(remote.target, headers=[("x-key", "s3cret")]))

        assert outcome.failure.reason.endswith(": unknown: ****")


class TestAPeerThatIsAway:
    """It is given up in time, and used again as soon as it is back."""

    def test_nobody_listens(self, sender_to):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]

        with pytest.raises(PeerError, match=r"gRPC UNAVAILABLE: .*Connection refused"):
            send(sender_to(f"127.0.0.1:{port}"))

    def test_nobody_answers(self, remote, sender_to):
        remote.answer = remote.hang

        with pytest.raises(PeerError, match="no answer in time"):
            send(sender_to(remote.target, timeout_s=0.2))

    def test_a_peer_that_accepts_and_is_silent(self, stack, sender_to):
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        with pytest.raises(PeerError, match="no answer in time"):
            send(sender_to(f"127.0.0.1:{server.getsockname()[1]}", timeout_s=0.2))

    def test_there_is_no_time(self, remote, sender_to):
        with pytest.raises(PeerError, match="no answer in time"):
            sender_to(remote.target).send(request_of(A), clock.now())

        assert remote.calls == []

    def test_unavailable_for_a_while_and_then_fine(self, remote, sender_to):
        sender = sender_to(remote.target)
        remote.answer = lambda call: call.abort(grpc.StatusCode.UNAVAILABLE, "busy")

        with pytest.raises(PeerError, match="gRPC UNAVAILABLE: busy"):
            send(sender)
        remote.answer = lambda _: b""

        assert send(sender) == Delivered(request_of(A), 0, "")
        assert len(remote.calls) == 2

    def test_unavailable_for_as_long_as_it_says(self, remote, sender_to):
        sender = sender_to(remote.target)
        send(sender)
        detail = Any()
        detail.Pack(RetryInfo())
        details = Status(code=14, details=[detail]).SerializeToString()
        remote.answer = lambda call: call.abort(grpc.StatusCode.UNAVAILABLE, "busy", details)

        with pytest.raises(PeerError, match="gRPC UNAVAILABLE: busy"):
            send(sender)

        assert len(remote.calls) == 2

    def test_it_comes_back_on_the_same_port_after_failures(self, sender_to):
        with GrpcRemote() as first:
            sender = sender_to(first.target)
            send(sender)
        for _ in range(3):
            with pytest.raises(PeerError, match="Connection refused"):
                send(sender)

        with GrpcRemote(port=first.port) as second:
            outcome = send(sender)

        assert outcome == Delivered(request_of(A), 0, "")
        assert second.bodies == [A]

    def test_it_was_restarted_between_two_exports(self, sender_to):
        with GrpcRemote() as first:
            sender = sender_to(first.target)
            send(sender)

        with GrpcRemote(port=first.port) as second:
            outcome = send(sender, request_of(B))

        assert outcome == Delivered(request_of(B), 0, "")
        assert second.bodies == [B]

    def test_a_kept_connection_that_breaks_under_a_call_is_replaced_at_once(
        self, stack, remote, sender_to
    ):
        relay = stack.enter_context(Cutter(b"cut here"))
        relay.leads_to = remote.port
        body = export_request(("cut here", span_id(3)))
        sender = sender_to(relay.target)
        send(sender)

        outcome = send(sender, request_of(body))

        assert outcome == Delivered(request_of(body), 0, "")
        assert (relay.cut_count, remote.bodies) == (1, [A, body])

    def test_a_new_connection_that_breaks_is_not_tried_again(self, stack, remote, sender_to):
        relay = stack.enter_context(Cutter(b"cut here"))
        relay.leads_to = remote.port
        body = export_request(("cut here", span_id(3)))

        with pytest.raises(PeerError, match="gRPC UNAVAILABLE"):
            send(sender_to(relay.target), request_of(body))

        assert remote.bodies == []

    def test_a_connection_from_before_a_long_freeze_is_not_used(
        self, remote, sender_to, monkeypatch
    ):
        sender, now = sender_to(remote.target), clock.now
        send(sender)

        monkeypatch.setattr(clock, "now", lambda: now() + 60)
        sender.send(request_of(B), now() + 60 + PATIENCE_S)

        assert len({call.peer for call in remote.calls}) == 2

    def test_nor_is_one_that_another_exporter_to_the_same_host_still_has(
        self, remote, sender_to, monkeypatch
    ):
        one, other, now = sender_to(remote.target), sender_to(remote.target), clock.now
        send(one)
        send(other)

        monkeypatch.setattr(clock, "now", lambda: now() + 60)
        one.send(request_of(B), now() + 60 + PATIENCE_S)

        assert remote.calls[2].peer not in {call.peer for call in remote.calls[:2]}

    def test_one_that_is_used_again_and_again_is(self, remote, sender_to, monkeypatch):
        sender, now = sender_to(remote.target), clock.now

        for later_s in (0, 40, 80):
            monkeypatch.setattr(clock, "now", lambda later_s=later_s: now() + later_s)
            sender.send(request_of(B), now() + later_s + PATIENCE_S)

        assert len({call.peer for call in remote.calls}) == 1

    def test_closing_does_not_wait_for_a_call(self, remote, sender_to):
        remote.answer = remote.hang
        sender = sender_to(remote.target)
        found: list[object] = []

        def export():
            try:
                found.append(send(sender))
            except PeerError as fault:
                found.append(fault)

        thread = threading.Thread(target=export)
        thread.start()
        while thread.is_alive() and not remote.calls:
            thread.join(0.01)
        sender.close()
        thread.join(PATIENCE_S)

        assert found == [failed(request_of(A), "gRPC CANCELLED: Channel closed!", failures.ANSWER)]


class TestTls:
    """Certificates are checked, with the operator's own authority if there is one."""

    @pytest.fixture
    def authority(self):
        return trustme.CA()

    @pytest.fixture
    def serve(self, stack, authority):
        """Run a remote with a certificate for these names."""

        def start(*names, wants_client=False):
            certificate = authority.issue_cert(*names)
            chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
            credentials = grpc.ssl_server_credentials(
                [(certificate.private_key_pem.bytes(), chain)],
                authority.cert_pem.bytes() if wants_client else None,
                require_client_auth=wants_client,
            )
            return stack.enter_context(GrpcRemote(credentials=credentials))

        return start

    def test_a_private_authority_is_trusted_as_a_file_and_as_text(
        self, serve, authority, sender_to, tmp_path
    ):
        remote = serve("127.0.0.1")
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        text = authority.cert_pem.bytes().decode()

        for settings in (tls(ca_file=str(tmp_path / "ca.pem")), tls(ca_pem=text)):
            send(sender_to(remote.target, security=settings))

        assert remote.bodies == [A, A]

    def test_an_authority_that_is_not_known_is_not(self, serve, sender_to):
        remote = serve("127.0.0.1")

        with pytest.raises(PeerError, match="CERTIFICATE_VERIFY_FAILED"):
            send(sender_to(remote.target, security=tls()))

        assert remote.calls == []

    def test_the_authorities_are_those_of_https(
        self, serve, authority, sender_to, tmp_path, monkeypatch
    ):
        remote = serve("127.0.0.1")
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

        send(sender_to(remote.target, security=tls()))

        assert remote.bodies == [A]

    def test_a_certificate_of_another_host_is_not_taken_but_by_its_name(
        self, serve, authority, sender_to
    ):
        remote = serve("collector.example.com")
        text = authority.cert_pem.bytes().decode()

        with pytest.raises(PeerError, match="gRPC UNAVAILABLE"):
            send(sender_to(remote.target, security=tls(ca_pem=text)))
        named = tls(ca_pem=text, server_name="collector.example.com")
        send(sender_to(remote.target, security=named))

        assert remote.bodies == [A]

    @pytest.mark.parametrize("is_file", [True, False], ids=["files", "text"])
    def test_a_client_certificate_is_shown(self, serve, authority, sender_to, tmp_path, is_file):
        remote = serve("127.0.0.1", wants_client=True)
        client = authority.issue_cert("client@example.com")
        pem = {
            "ca": authority.cert_pem.bytes().decode(),
            "key": client.private_key_pem.bytes().decode(),
            "cert": client.cert_chain_pems[0].bytes().decode(),
        }
        files = {name: tmp_path / f"{name}.pem" for name in pem}
        for name, text in pem.items():
            files[name].write_text(text)
        of_files = {f"{name}_file": str(file) for name, file in files.items()}
        of_text = {f"{name}_pem": text for name, text in pem.items()}

        send(sender_to(remote.target, security=tls(**(of_files if is_file else of_text))))
        with pytest.raises(PeerError, match="gRPC UNAVAILABLE"):
            send(sender_to(remote.target, security=tls(ca_pem=pem["ca"])))

        assert remote.bodies == [A]


class TestSettingsThatCannotBeUsed:
    """They are named when the sender is made, and no value that may be secret is said."""

    @pytest.mark.parametrize(
        ("settings", "clause"),
        [
            ({"security": tls(ca_file="/nowhere/ca.pem")}, "ca_file '/nowhere/ca.pem': No such"),
            ({"security": tls(ca_pem="secret")}, "cannot use ca_pem"),
            ({"security": tls(cert_file="/nowhere/c", key_file="/nowhere/k")}, "/nowhere/c"),
            ({"security": tls(is_unverified=True)}, "gRPC cannot leave certificates unverified"),
            ({"security": tls(version_min="1.3")}, "gRPC cannot be told to refuse TLS 1.2"),
            ({"headers": [("x-key", "s3crét")]}, "header 'x-key' has a value"),
            ({"auth": SigV4Auth("eu-west-1", "xray", "")}, "use otlp_http"),
        ],
        ids=["no file", "no PEM", "no pair", "unverified", "version", "header", "signature"],
    )
    def test_each_is_told_in_a_clause(self, sender_to, settings, clause):
        with pytest.raises(ValueError, match=clause) as fault:
            sender_to("127.0.0.1:1", **settings)

        assert "secret" not in str(fault.value)
        assert "s3cr" not in str(fault.value)

    @pytest.mark.parametrize("target", ["localhost:4318", "127.0.0.1:4317", "[::1]:4317"])
    def test_it_is_not_ourselves(self, sender_to, target):
        with pytest.raises(ValueError, match="is this collector itself"):
            sender_to(target)


class TestAProxy:
    """The one for https is gone through, by CONNECT; loopback is reached without."""

    def test_a_host_is_reached_through_it(self, stack, remote, sender_to, monkeypatch):
        proxy = stack.enter_context(Proxy())
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass@{proxy.target}")

        # A name that only the proxy would resolve: the fake one goes by the port alone.
        send(sender_to(f"collector.invalid:{remote.port}"))

        (asked,) = proxy.asked
        assert asked.startswith(f"CONNECT collector.invalid:{remote.port} HTTP/1.1\r\n")
        assert "Proxy-Authorization: Basic bWU6cGFzcw==\r\n" in asked
        assert remote.bodies == [A]

    def test_loopback_and_exempt_hosts_are_not(self, stack, remote, sender_to, monkeypatch):
        proxy = stack.enter_context(Proxy())
        monkeypatch.setenv("https_proxy", f"http://{proxy.target}")
        monkeypatch.setenv("no_proxy", ".invalid")

        send(sender_to(remote.target))
        with pytest.raises(PeerError, match=r"collector\.invalid"):
            send(sender_to(f"collector.invalid:{remote.port}"))

        assert proxy.asked == []
