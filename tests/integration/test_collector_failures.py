"""Each kind of failure, as real sockets show it: what is known of it where it is first seen."""

from __future__ import annotations

import posix
import ssl
from email.utils import formatdate

import grpc
import pytest
import trustme
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]  # it has no stubs
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # as above

from collector_ext.core.config.configuration import OtlpGrpc, SigV4Auth
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.events import Failed, Refused
from collector_ext.core.otlp import SIGNALS
from collector_ext.edge import clock
from collector_ext.edge.http_client import PeerError
from collector_ext.edge.secrets import SecretKeeper
from collector_ext.edge.senders import otlp_grpc, otlp_http
from collector_ext.edge.senders.resolving import ResolvingSender
from tests.fakes.grpc_remote import GrpcRemote
from tests.fakes.otlp_remote import FakeRemote
from tests.fakes.otlp_settings import BUDGET_S, request_of, tls_settings
from tests.fakes.otlp_settings import otlp_http as http_settings
from tests.fakes.peer import Peer, closed_port, closes, hangs, resets, says

SHORT_S = 0.3
"""For what never comes."""

PLAIN = tls_settings(is_plain=True)


def failure(sender, *, budget_s=BUDGET_S):
    """Send one request, which fails; return why, and whether it may be sent again."""
    try:
        outcome = sender.send(request_of(b""), clock.now() + budget_s)
    except PeerError as fault:
        return fault.failure, Failed
    finally:
        sender.close()
    return outcome.failure, type(outcome)


def over_http(url, *, own_ports=(), budget_s=BUDGET_S, **settings):
    """The failure of a request over HTTP."""
    sender = otlp_http.sender_of(http_settings(url, **settings), own_ports=own_ports)
    return failure(sender, budget_s=budget_s)


def over_grpc(target, *, security=PLAIN, headers=(), budget_s=BUDGET_S):
    """The failure of a request over gRPC."""
    settings = OtlpGrpc(
        id="otlp_grpc",
        targets=dict.fromkeys(SIGNALS, target),
        headers=dict.fromkeys(SIGNALS, tuple(headers)),
        is_gzip=dict.fromkeys(SIGNALS, False),
        timeout_s=dict.fromkeys(SIGNALS, BUDGET_S),
        tls=dict.fromkeys(SIGNALS, security),
        auth=None,
    )
    return failure(otlp_grpc.sender_of(settings, own_ports=()), budget_s=budget_s)


def kept(kind, reason, retry_after_s=None):
    """It may be sent again."""
    return Failure(kind, reason, retry_after_s), Failed


def lost(kind, reason):
    """It must not be sent again."""
    return Failure(kind, reason, None), Refused


@pytest.fixture
def peer(stack):
    """Start a peer that behaves so."""
    return lambda serve: stack.enter_context(Peer(serve))


class TestAName:
    """It cannot be resolved: nobody was asked, and nobody will be in a moment."""

    def test_over_http(self):
        found, outcome = over_http("http://nowhere.invalid:4318")

        assert (found.kind, outcome) == (failures.NAME, Failed)
        assert found.reason.startswith("its name cannot be resolved: ")

    def test_over_grpc(self):
        found, outcome = over_grpc("nowhere.invalid:4317")

        assert (found.kind, outcome) == (failures.NAME, Failed)
        assert "nowhere.invalid" in found.reason


class TestAConnection:
    """It is refused or breaks: whoever is there may be back."""

    def test_refused_over_http(self):
        assert over_http(f"http://127.0.0.1:{closed_port()}") == kept(
            failures.CONNECTION, "Connection refused"
        )

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_reset_over_http(self, peer, scheme):
        assert over_http(f"{scheme}://{peer(resets).target}") == kept(
            failures.CONNECTION, "Connection reset by peer"
        )

    @pytest.mark.parametrize(
        ("scheme", "said"),
        [
            ("http", "the connection was closed before an answer"),
            ("https", "the connection was closed by the peer"),
        ],
    )
    def test_closed_over_http(self, peer, scheme, said):
        assert over_http(f"{scheme}://{peer(closes).target}") == kept(failures.CONNECTION, said)

    def test_broken_in_the_middle_of_an_answer(self, peer):
        answer = says(b"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nhalf")

        assert over_http(f"http://{peer(answer).target}") == kept(
            failures.CONNECTION, "the connection was closed before an answer"
        )

    def test_to_ourselves(self):
        port = closed_port()

        assert over_http(f"http://127.0.0.1:{port}", own_ports=(port,)) == kept(
            failures.LOCAL, "it is this collector itself"
        )

    @pytest.mark.parametrize("security", [PLAIN, tls_settings()], ids=["plain", "tls"])
    @pytest.mark.parametrize("serve", [resets, closes])
    def test_broken_over_grpc(self, peer, serve, security):
        found, outcome = over_grpc(peer(serve).target, security=security)

        assert (found.kind, outcome) == (failures.CONNECTION, Failed)

    def test_refused_over_grpc(self):
        port = closed_port()

        assert over_grpc(f"127.0.0.1:{port}") == kept(
            failures.CONNECTION,
            f"gRPC UNAVAILABLE: ipv4:127.0.0.1:{port}: Failed to connect to remote host: "
            "Connection refused",
        )


class TestSilence:
    """It ends with the budget, and is the same at whatever step."""

    SILENT = kept(failures.TIMEOUT, "no answer in time")

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_over_http(self, peer, scheme):
        assert over_http(f"{scheme}://{peer(hangs).target}", budget_s=SHORT_S) == self.SILENT

    def test_over_grpc(self, peer):
        assert over_grpc(peer(hangs).target, budget_s=SHORT_S) == self.SILENT


class TestTls:
    """What is wrong is said in words, and beside them in those one can search for."""

    @pytest.fixture
    def authority(self):
        return trustme.CA()

    @pytest.fixture
    def serve(self, stack, authority):
        """Start an endpoint in https with a certificate for this name."""

        def start(name="127.0.0.1", *, wants_client=False, version_max=None):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(context)
            if wants_client:
                authority.configure_trust(context)
                context.verify_mode = ssl.CERT_REQUIRED
            if version_max:
                context.maximum_version = version_max
            return stack.enter_context(FakeRemote(tls=context)).url

        return start

    @pytest.fixture
    def trusting(self, authority):
        """Settings that trust the endpoint's authority."""
        text = authority.cert_pem.bytes().decode()
        return lambda **changes: tls_settings(ca_pem=text, **changes)

    def test_of_an_authority_that_is_not_known(self, serve):
        found, outcome = over_http(serve())

        assert (found.kind, outcome) == (failures.TLS, Failed)
        assert found.reason.startswith(
            "its certificate is of an authority that is not trusted here (CERTIFICATE_VERIFY_"
        )

    def test_for_another_host(self, serve, trusting):
        found, _ = over_http(serve("otlp.example"), tls=trusting())

        assert found.kind == failures.TLS
        assert found.reason.startswith("its certificate is for another host (")

    def test_plain_http_on_its_port(self, stack):
        remote = stack.enter_context(FakeRemote())

        found, outcome = over_http(remote.url.replace("http:", "https:"))

        assert (found.kind, outcome) == (failures.TLS, Failed)
        assert found.reason.startswith("it does not speak TLS (")

    def test_tls_where_plain_http_is_spoken(self, peer):
        alert = b"\x15\x03\x01\x00\x02\x02\x46"

        assert over_http(f"http://{peer(says(alert)).target}") == kept(
            failures.TLS, "it speaks TLS, its URL begins with https"
        )

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_a_client_certificate_that_is_wanted(self, serve, trusting, version):
        found, outcome = over_http(serve(wants_client=True, version_max=version), tls=trusting())

        # In 1.3 the answer may be a reset, with the alert lost: it comes after the handshake.
        assert found.kind in {failures.TLS, failures.CONNECTION}
        assert outcome is Failed

    def test_a_version_that_is_not_accepted(self, serve, trusting):
        url = serve(version_max=ssl.TLSVersion.TLSv1_2)

        found, _ = over_http(url, tls=trusting(version_min="1.3"))

        assert found.kind == failures.TLS
        assert found.reason.startswith("it speaks no version of TLS that is accepted here (")

    def test_a_file_that_cannot_be_read(self, serve):
        found, outcome = over_http(serve(), tls=tls_settings(ca_file="/nowhere/ca.pem"))

        assert (found.kind, outcome) == (failures.TLS, Failed)
        assert found.reason.startswith("cannot use OTEL_EXPORTER_OTLP_CERTIFICATE or ca_file")

    @pytest.fixture
    def serve_grpc(self, stack, authority):
        def start(name="127.0.0.1"):
            certificate = authority.issue_cert(name)
            chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
            pair = certificate.private_key_pem.bytes(), chain
            return stack.enter_context(
                GrpcRemote(credentials=grpc.ssl_server_credentials([pair]))
            ).target

        return start

    def test_of_an_authority_that_is_not_known_over_grpc(self, serve_grpc):
        found, outcome = over_grpc(serve_grpc(), security=tls_settings())

        assert (found.kind, outcome) == (failures.TLS, Failed)
        assert found.reason.startswith(
            "gRPC UNAVAILABLE: its certificate is of an authority that is not trusted here ("
        )

    def test_for_another_host_over_grpc(self, serve_grpc, trusting):
        found, _ = over_grpc(serve_grpc("otlp.example"), security=trusting())

        assert found.kind == failures.TLS
        assert "its certificate is for another host (" in found.reason

    def test_plain_grpc_on_its_port(self, stack, trusting):
        remote = stack.enter_context(GrpcRemote())

        found, _ = over_grpc(remote.target, security=trusting())

        assert found.kind == failures.TLS
        assert "it does not speak TLS (" in found.reason


class TestAnotherProtocol:
    """It answers, but not in the one that was asked for; which one it is, is said if known."""

    def test_http_to_grpc(self, stack):
        remote = stack.enter_context(GrpcRemote())

        assert over_http(f"http://{remote.target}") == kept(
            failures.ANSWER, "it speaks HTTP/2 alone, as OTLP/gRPC does"
        )

    def test_grpc_to_http(self, peer):
        answer = says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        found, outcome = over_grpc(peer(answer).target)

        assert (found.kind, outcome) == (failures.ANSWER, Failed)
        assert found.reason.startswith("gRPC UNAVAILABLE: it speaks HTTP/1, as OTLP/HTTP does (")

    def test_http_to_what_is_none(self, peer):
        answer = says(b"220 mail.example ESMTP\r\n\r\n")

        assert over_http(f"http://{peer(answer).target}") == kept(
            failures.ANSWER, "not an HTTP/1.1 message: '220 mail.example ESMTP'"
        )

    def test_what_it_quotes_of_the_request_is_masked(self, peer):
        answer = says(b"HTTP/1.1 200 OK\r\nx-key s3cret\r\n\r\n")
        url = f"http://{peer(answer).target}"

        assert over_http(url, headers=[("x-key", "s3cret")]) == kept(
            failures.ANSWER, "not a header: 'x-key ****'"
        )


class TestAProxy:
    """Whatever is wrong with it, it is the one to look at, and not the endpoint."""

    @pytest.mark.parametrize("scheme", ["http", "https"])
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (b"HTTP/1.1 407 Who\r\n\r\n", "HTTP 407, it wants a user and a password"),
            (b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", "HTTP 407, it wants a user"),
        ],
    )
    def test_wants_a_password(self, peer, scheme, answer, said):
        proxy = f"http://{peer(says(answer)).target}"

        found, outcome = over_http(f"{scheme}://otlp.example", proxy=proxy)

        assert (found.kind, outcome) == (failures.PROXY, Failed)
        assert found.reason.startswith(f"by the proxy {proxy}: {said}")

    def test_refuses_a_tunnel(self, peer):
        answer = says(b"HTTP/1.1 403 No\r\n\r\n")
        proxy = f"http://{peer(answer).target}"

        assert over_http("https://otlp.example", proxy=proxy) == kept(
            failures.PROXY,
            f"by the proxy {proxy}: it refused to connect to otlp.example:443: HTTP 403",
        )

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_is_not_there(self, scheme):
        proxy = f"http://127.0.0.1:{closed_port()}"

        assert over_http(f"{scheme}://otlp.example", proxy=proxy) == kept(
            failures.PROXY, f"by the proxy {proxy}: Connection refused"
        )

    def test_has_no_address(self):
        found, _ = over_http("https://otlp.example", proxy="http://nowhere.invalid:3128")

        assert found.kind == failures.PROXY
        assert found.reason.startswith(
            "by the proxy http://nowhere.invalid:3128: its name cannot be resolved: "
        )

    def test_opens_no_tunnel_in_time(self, peer):
        proxy = f"http://{peer(hangs).target}"

        assert over_http("https://otlp.example", proxy=proxy, budget_s=SHORT_S) == kept(
            failures.PROXY, f"by the proxy {proxy}: no answer in time"
        )

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", b""])
    def test_fails_grpc(self, peer, monkeypatch, answer):
        proxy = f"http://{peer(says(answer)).target}"
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setitem(posix.environ, b"HTTPS_PROXY", proxy.encode())

        found, outcome = over_grpc("otlp.example:4317")

        assert (found.kind, outcome) == (failures.PROXY, Failed)
        assert found.reason.startswith(f"by the proxy {proxy}: ")


class TestARequestThatCannotBeMade:
    """There is nothing to send without the secret or the credentials it is made of."""

    def test_of_a_secret_that_is_not_known(self):
        def resolve(references, _deadline_at):
            message = f"{' and '.join(references)} is not there"
            raise LookupError(message)

        def build(_values):
            raise AssertionError

        keeper = SecretKeeper(["ssm:key"], resolve)

        found = failure(ResolvingSender(keeper, ("ssm:key",), build))

        assert found == kept(failures.SECRET, "ssm:key is not there")

    def test_of_a_secret_that_cannot_be_used(self):
        def build(_values):
            message = "it cannot be used"
            raise ValueError(message)

        keeper = SecretKeeper(["ssm:key"], lambda *_: {"ssm:key": "s3cret"})

        found = failure(ResolvingSender(keeper, ("ssm:key",), build))

        assert found == kept(failures.SECRET, "it cannot be used")

    def test_of_a_signature_without_credentials(self, monkeypatch):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name, raising=False)

        assert over_http("http://127.0.0.1:1", auth=SigV4Auth("eu-west-1", "xray", "")) == kept(
            failures.SECRET, "cannot sign the request: there are no credentials in the environment"
        )


class TestAnAnswer:
    """Its status, its words, and how long it wants to be left alone."""

    def test_asks_for_a_pause_in_seconds(self, peer):
        answer = says(b"HTTP/1.1 429 Later\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")

        assert over_http(f"http://{peer(answer).target}") == kept(
            failures.THROTTLED, "HTTP 429", 7.0
        )

    def test_asks_for_a_pause_by_its_own_clock(self, peer):
        now, until = (formatdate(at, usegmt=True) for at in (1_000_000_000, 1_000_000_012))
        head = f"HTTP/1.1 503 Later\r\nDate: {now}\r\nRetry-After: {until}\r\n"
        answer = says(head.encode() + b"Content-Type: text/plain\r\n\r\nmaintenance\n")

        assert over_http(f"http://{peer(answer).target}") == kept(
            failures.UNAVAILABLE, "HTTP 503: maintenance", 12.0
        )

    def test_says_what_it_misses_but_not_what_it_was_sent(self, stack):
        remote = stack.enter_context(FakeRemote())
        remote.answer = lambda received: (
            403,
            Status(message=f"unknown {received.headers['x-key']}").SerializeToString(),
        )

        assert over_http(remote.url, headers=[("X-Key", "s3cret")]) == lost(
            failures.UNAUTHORISED, "HTTP 403 (sent with the header x-key): unknown ****"
        )

    def test_finds_nothing_at_a_path(self, stack):
        remote = stack.enter_context(FakeRemote(lambda _: (404, b"404 page not found")))

        assert over_http(f"{remote.url}/v1/traces") == lost(
            failures.NOT_FOUND, "HTTP 404 (the path has /v1/traces twice): 404 page not found"
        )

    @pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "UNAVAILABLE"])
    def test_asks_for_a_pause_over_grpc(self, stack, code):
        detail = Any()
        detail.Pack(RetryInfo(retry_delay=Duration(seconds=7)))
        details = Status(code=8, details=[detail]).SerializeToString()
        status = grpc.StatusCode[code]
        remote = stack.enter_context(GrpcRemote(lambda call: call.abort(status, "later", details)))

        found, outcome = over_grpc(remote.target)

        assert (found.retry_after_s, found.reason, outcome) == (7.0, f"gRPC {code}: later", Failed)

    def test_says_over_grpc_what_it_does_not_serve(self, stack):
        unimplemented = grpc.StatusCode.UNIMPLEMENTED
        remote = stack.enter_context(GrpcRemote(lambda call: call.abort(unimplemented, "no logs")))

        assert over_grpc(remote.target) == lost(failures.NOT_FOUND, "gRPC UNIMPLEMENTED: no logs")
