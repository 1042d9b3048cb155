"""The exporter's TLS, with certificates made here and a real server of OpenSSL."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from collector_ext.core.otlp import SIGNALS
from collector_ext.edge.senders.otlp_http import sender_of
from tests.fakes.otlp_remote import PATIENCE_S, FakeRemote
from tests.fakes.otlp_settings import otlp_http, sent, sent_once, tls_settings

HOST = "127.0.0.1"


@pytest.fixture
def authority():
    """An authority nobody else knows."""
    return trustme.CA()


@pytest.fixture
def context(authority):
    """A server's, with a certificate for loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "localhost").configure_cert(context)
    return context


@pytest.fixture
def remote(stack, context):
    """An endpoint that accepts everything, in https."""
    return stack.enter_context(FakeRemote(tls=context))


def pem(blob):
    """Its text."""
    return blob.bytes().decode()


class TestWhoIsTrusted:
    """The system's authorities, or the operator's own; a refusal is one clause."""

    def test_an_authority_in_a_file(self, authority, remote, tmp_path):
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        tls = tls_settings(ca_file=str(tmp_path / "ca.pem"))

        assert sent_once(remote.url, tls=tls) == "delivered"

    def test_an_authority_as_text(self, authority, remote):
        assert (
            sent_once(remote.url, tls=tls_settings(ca_pem=pem(authority.cert_pem))) == "delivered"
        )

    def test_one_that_is_not_known_is_not(self, remote):
        reason = sent_once(remote.url)

        assert reason.startswith(
            "its certificate is of an authority that is not trusted here (CERTIFICATE_VERIFY_FAILED"
        )
        assert remote.requests == []

    def test_a_certificate_for_another_host_is_refused(self, stack, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("otlp.example").configure_cert(context)
        remote = stack.enter_context(FakeRemote(tls=context))

        reason = sent_once(remote.url, tls=tls_settings(ca_pem=pem(authority.cert_pem)))

        assert reason.startswith("its certificate is for another host (CERTIFICATE_VERIFY_FAILED")
        assert "127.0.0.1" in reason

    def test_unless_that_is_the_name_to_expect(self, stack, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("otlp.example").configure_cert(context)
        remote = stack.enter_context(FakeRemote(tls=context))
        tls = tls_settings(ca_pem=pem(authority.cert_pem), server_name="otlp.example")

        assert sent_once(remote.url, tls=tls) == "delivered"

    @pytest.mark.parametrize(
        ("days", "found"),
        [(-1, "its certificate has expired"), (1, "its certificate is not valid yet")],
    )
    def test_a_certificate_is_not_for_all_times(self, stack, authority, days, found):
        now = dt.datetime.now(dt.timezone.utc)
        begin = now + dt.timedelta(days=days - 2 * (days < 0))
        certificate = authority.issue_cert(
            HOST, not_before=begin, not_after=begin + dt.timedelta(days=2 if days > 0 else 1)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        remote = stack.enter_context(FakeRemote(tls=context))

        reason = sent_once(remote.url, tls=tls_settings(ca_pem=pem(authority.cert_pem)))

        assert reason.startswith(f"{found} (CERTIFICATE_VERIFY_FAILED: ")

    def test_all_of_this_can_be_waived(self, stack, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("otlp.example").configure_cert(context)
        remote = stack.enter_context(FakeRemote(tls=context))

        assert sent_once(remote.url, tls=tls_settings(is_unverified=True)) == "delivered"

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"ca_file": "/nowhere/ca.pem"}, "or ca_file '/nowhere/ca.pem': No such file"),
            ({"ca_pem": "nonsense"}, "cannot use ca_pem: "),
            ({"ca_pem": "nönsense"}, "cannot use ca_pem: "),
            ({"cert_file": "/nowhere/me.pem"}, "cert_file '/nowhere/me.pem' and key_file '' "),
            ({"cert_pem": "nonsense"}, "certificate of cert_file '(in PEM)' and key_file ''"),
            ({"cert_pem": "x" * 100_000}, "it is longer than a pipe takes (64 kB)"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_is_said(self, remote, change, said):
        assert said in sent_once(remote.url, tls=tls_settings(**change))

    def test_a_server_that_is_too_old_is_refused(self, stack, authority, context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        remote = stack.enter_context(FakeRemote(tls=context))
        ca_pem = pem(authority.cert_pem)

        reasons = [
            sent_once(remote.url, tls=tls_settings(ca_pem=ca_pem, version_min=version))
            for version in ("1.3", "1.2")
        ]

        assert "version" in reasons[0].lower()
        assert reasons[1] == "delivered"

    def test_a_server_that_does_not_speak_tls_is_said_to(self, stack):
        remote = stack.enter_context(FakeRemote())

        reason = sent_once(remote.url.replace("http:", "https:"))

        assert reason.startswith("it does not speak TLS (")

    def test_a_server_that_never_shakes_hands_is_left(self, stack):
        server = stack.enter_context(socket.create_server((HOST, 0)))
        sender = sender_of(otlp_http(f"https://{HOST}:{server.getsockname()[1]}"), own_ports=())

        assert sent(sender, budget_s=0.3) == "no answer in time"


class TestWhoWeAre:
    """A client certificate is shown to a server that asks."""

    @pytest.fixture
    def client(self, authority, context):
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        return authority.issue_cert("client@example.com")

    def test_from_files(self, authority, client, remote, tmp_path):
        client.private_key_pem.write_to_path(tmp_path / "key.pem")
        client.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        tls = tls_settings(
            ca_pem=pem(authority.cert_pem),
            cert_file=str(tmp_path / "cert.pem"),
            key_file=str(tmp_path / "key.pem"),
        )

        assert sent_once(remote.url, tls=tls) == "delivered"

    def test_from_text_which_leaves_no_trace(self, authority, client, remote):
        descriptors = set(Path("/proc/self/fd").iterdir())
        tls = tls_settings(
            ca_pem=pem(authority.cert_pem),
            cert_pem=pem(client.cert_chain_pems[0]),
            key_pem=pem(client.private_key_pem),
        )

        first = sent_once(remote.url, tls=tls)

        assert first == "delivered"
        assert len(set(Path("/proc/self/fd").iterdir())) <= len(descriptors) + 1

    def test_from_one_file_with_both(self, authority, client, remote, tmp_path):
        client.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
        tls = tls_settings(ca_pem=pem(authority.cert_pem), cert_file=str(tmp_path / "both.pem"))

        assert sent_once(remote.url, tls=tls) == "delivered"

    def test_without_one_nothing_is_delivered(self, authority, client, remote):
        reason = sent_once(remote.url, tls=tls_settings(ca_pem=pem(authority.cert_pem)))

        assert client
        assert reason != "delivered"
        assert remote.requests == []

    def test_a_key_that_is_locked_is_a_fault_and_no_question(self, client, remote, tmp_path):
        (tmp_path / "key.pem").write_bytes(locked(client.private_key_pem.bytes()))
        tls = tls_settings(
            cert_pem=pem(client.cert_chain_pems[0]), key_file=str(tmp_path / "key.pem")
        )

        reason = sent_once(remote.url, tls=tls)

        assert reason.startswith("cannot use the client certificate of cert_file '(in PEM)'")


def locked(key_pem):
    """The same key under a password."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - trustme's own

    return serialization.load_pem_private_key(key_pem, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )


class CountingServer:
    """Answer one request for each connection, and keep which of them resumed a session."""

    def __init__(self, context):
        self.reused: list[bool] = []
        self._context = context
        self._server = socket.create_server((HOST, 0))
        self._server.settimeout(PATIENCE_S)
        self.url = f"https://{HOST}:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, args=(3,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _serve(self, count):
        for _ in range(count):
            try:
                connection, _ = self._server.accept()
            except OSError:
                return  # The test is over.
            connection.settimeout(PATIENCE_S)
            with self._context.wrap_socket(connection, server_side=True) as wrapped:
                received = b""
                while b"\r\n\r\n" not in received:
                    received += wrapped.recv(65536)
                self.reused.append(wrapped.session_reused)
                wrapped.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )


class TestASession:
    """A handshake is paid for in full once: each freeze may cost the connection."""

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_it_is_resumed_by_the_next_connection(self, authority, context, version):
        context.minimum_version = context.maximum_version = version
        tls = tls_settings(ca_pem=pem(authority.cert_pem))
        with CountingServer(context) as server:
            sender = sender_of(otlp_http(server.url, tls=tls), own_ports=())
            outcomes = [sent(sender) for _ in range(3)]
            sender.close()

        assert outcomes == ["delivered"] * 3
        assert server.reused == [False, True, True]

    def test_signals_share_a_connection(self, authority, remote):
        tls = tls_settings(ca_pem=pem(authority.cert_pem))
        sender = sender_of(otlp_http(remote.url, tls=tls), own_ports=())

        for signal in SIGNALS:
            assert sent(sender, signal=signal) == "delivered"
        sender.close()

        assert [r.path for r in remote.requests] == ["/v1/traces", "/v1/metrics", "/v1/logs"]
        assert len({request.client for request in remote.requests}) == 1
