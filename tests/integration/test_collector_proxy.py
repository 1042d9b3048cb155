"""The exporter behind an HTTP proxy: proxy.py as it is installed, and fakes that misbehave."""

from __future__ import annotations

import contextlib
import os
import posix
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading

import pytest
import trustme

from collector_ext.edge.senders.otlp_http import sender_of
from tests.fakes.otlp_remote import PATIENCE_S, FakeRemote
from tests.fakes.otlp_settings import otlp_http, sent, sent_once, tls_settings

HOST = "127.0.0.1"
AUTHORITY = trustme.CA()
TLS = tls_settings(ca_pem=AUTHORITY.cert_pem.bytes().decode())


@pytest.fixture(params=["http", "https"])
def remote(stack, request):
    """An endpoint that accepts everything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(HOST).configure_cert(context)
    tls = context if request.param == "https" else None
    return stack.enter_context(FakeRemote(tls=tls))


@pytest.fixture(scope="module", autouse=True)
def _no_variables():
    """The developer's own proxy is none of these tests' business."""
    kept = {n: v for n, v in posix.environ.items() if n.lower().endswith(b"_proxy")}
    for name in kept:
        del posix.environ[name]
    yield
    posix.environ.update(kept)


@contextlib.contextmanager
def forward_proxy(folder, *options):
    """Run proxy.py and yield its port."""
    port_file = folder / "port"
    os.mkfifo(port_file)
    # Opened without waiting for a writer, so that a proxy which never comes up is no hang.
    reader = os.open(port_file, os.O_RDONLY | os.O_NONBLOCK)
    command = [sys.executable, "-m", "proxy", "--hostname", HOST, "--port", "0"]
    command += ["--num-workers", "1", "--num-acceptors", "1", "--data-dir", str(folder / "data")]
    process = subprocess.Popen(
        [*command, "--port-file", str(port_file), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert select.select([reader], [], [], PATIENCE_S)[0], "proxy.py does not come up"
        yield int(os.read(reader, 100).split()[0])
    finally:
        os.close(reader)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def proxy_port(tmp_path_factory):
    """A proxy that wants to know who is asking."""
    with forward_proxy(tmp_path_factory.mktemp("proxy"), "--basic-auth", "me:p@ss") as port:
        yield port


class TestARealProxy:
    """What is exported goes through it: in a tunnel when it is encrypted."""

    def test_requests_are_delivered_over_one_connection(self, remote, proxy_port):
        proxy = f"http://me:p%40ss@{HOST}:{proxy_port}"
        sender = sender_of(otlp_http(remote.url, tls=TLS, proxy=proxy), own_ports=())

        outcomes = [sent(sender, body) for body in (b"", b"\x0a\x00")]
        sender.close()

        assert outcomes == ["delivered", "delivered"]
        assert [request.body for request in remote.requests] == [b"", b"\x0a\x00"]
        assert len({request.client for request in remote.requests}) == 1

    def test_the_endpoint_learns_nothing_of_the_credentials(self, remote, proxy_port):
        proxy = f"http://me:p%40ss@{HOST}:{proxy_port}"

        assert sent_once(remote.url, tls=TLS, proxy=proxy) == "delivered"
        assert "proxy-authorization" not in remote.requests[0].headers

    def test_without_credentials_it_says_what_it_wants(self, remote, proxy_port):
        reason = sent_once(remote.url, tls=TLS, proxy=f"http://{HOST}:{proxy_port}")

        assert reason == (
            f"by the proxy http://{HOST}:{proxy_port}: HTTP 407, it wants a user and a password: "
            "http://user:password@..."
        )
        assert remote.requests == []

    def test_wrong_ones_are_not_said(self, remote, proxy_port):
        proxy = f"http://me:hunter2@{HOST}:{proxy_port}"

        reason = sent_once(remote.url, tls=TLS, proxy=proxy)

        assert reason == (
            f"by the proxy http://{HOST}:{proxy_port}: HTTP 407, it does not accept the user and "
            "password in its URL"
        )

    def test_the_endpoint_is_judged_by_its_own_certificate(self, remote, proxy_port):
        proxy = f"http://me:p%40ss@{HOST}:{proxy_port}"

        reason = sent_once(remote.url, proxy=proxy)

        if remote.url.startswith("https:"):
            assert reason.startswith("its certificate is of an authority that is not trusted here")
        else:
            assert reason == "delivered"


class FakeProxy:
    """Answer every connection with the same bytes, or never; keep what was asked."""

    def __init__(self, answer):
        self.heads: list[str] = []
        self._answer = answer
        self._server = socket.create_server((HOST, 0))
        self.port = self._server.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()
        for connection in self._connections:
            connection.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._connections.append(connection)
                connection.settimeout(PATIENCE_S)
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                self.heads.append(head.decode("latin-1"))
                if self._answer is not None:
                    connection.sendall(self._answer)
                    connection.close()


class TestAProxyInTrouble:
    """It costs a bounded time, nothing is lost, and it is said who is to blame."""

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (b"HTTP/1.1 502 No\r\n\r\n", "it refused to connect to otlp.example:443: HTTP 502"),
            (b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", "to otlp.example:443: HTTP 403"),
            (b"HTTP/1.1 407 Who?\r\n\r\n", "HTTP 407, it wants a user and a password"),
            (b"", "it closed the connection before an answer"),
            (b"HTTP/1.1 200", "it closed the connection before an answer"),
            (b"SSH-2.0-x\r\n\r\n", "its answer is not HTTP: "),
        ],
    )  # fmt: skip
    def test_a_tunnel_that_is_not_opened(self, stack, answer, said):
        proxy = stack.enter_context(FakeProxy(answer))

        reason = sent_once("https://otlp.example", proxy=proxy.url)

        assert reason.startswith(f"by the proxy {proxy.url}: ")
        assert said in reason

    @pytest.mark.parametrize(
        "answer", [b"", b"Content-Length: 0\r\n", b"Content-Length: 5, 6\r\n", b"Via: x\r\n"]
    )
    def test_an_opened_tunnel_is_taken_whatever_its_headers_say(self, stack, answer):
        proxy = stack.enter_context(FakeProxy(b"HTTP/1.1 200 OK\r\n" + answer + b"\r\n"))

        reason = sent_once("https://otlp.example", proxy=proxy.url)

        # What fails is the handshake behind it.
        assert "by the proxy" not in reason

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_one_that_hangs_is_left(self, stack, scheme):
        proxy = stack.enter_context(FakeProxy(None))
        settings = otlp_http(f"{scheme}://otlp.example", proxy=proxy.url)
        sender = sender_of(settings, own_ports=())

        reason = sent(sender, budget_s=0.3)

        assert reason.endswith("no answer in time")
        assert len(proxy.heads) == 1

    def test_one_that_is_not_there(self):
        with socket.create_server((HOST, 0)) as server:
            port = server.getsockname()[1]

        reason = sent_once("https://otlp.example", proxy=f"http://me:hunter2@{HOST}:{port}")

        assert reason == f"by the proxy http://{HOST}:{port}: Connection refused"

    def test_one_that_is_ourselves(self, stack):
        proxy = stack.enter_context(FakeProxy(None))
        settings = otlp_http("https://otlp.example", proxy=proxy.url)
        sender = sender_of(settings, own_ports=(1, proxy.port))

        assert sent(sender).endswith("it is this collector itself")
        assert proxy.heads == []


class TestTheVariables:
    """They are honoured where the exporter names no proxy of its own."""

    @pytest.fixture
    def proxy(self, stack):
        return stack.enter_context(FakeProxy(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"))

    @pytest.fixture
    def variables(self, monkeypatch):
        def be(**values):
            for name, value in values.items():
                monkeypatch.setitem(posix.environ, name.encode(), value.encode())

        return be

    def test_https_is_tunnelled_with_credentials(self, proxy, variables):
        variables(HTTPS_PROXY=f"http://me:word@{HOST}:{proxy.port}")

        sent_once("https://otlp.example:4318")

        (head,) = proxy.heads
        assert head == (
            "CONNECT otlp.example:4318 HTTP/1.1\r\nHost: otlp.example:4318\r\n"
            "Proxy-Authorization: Basic bWU6d29yZA==\r\n\r\n"
        )

    def test_http_is_asked_for_by_the_whole_url(self, proxy, variables):
        variables(http_proxy=f"http://me:word@{HOST}:{proxy.port}")

        reason = sent_once("http://otlp.example:80/base")

        head = proxy.heads[0].split("\r\n")
        assert head[:2] == [
            "POST http://otlp.example/base/v1/traces HTTP/1.1", "Host: otlp.example",
        ]  # fmt: skip
        assert "Proxy-Authorization: Basic bWU6d29yZA==" in head
        assert reason == "HTTP 502; kept"

    def test_the_exporters_own_goes_first(self, proxy, variables):
        variables(HTTPS_PROXY="http://other.example:1", NO_PROXY="*")

        sent_once("https://otlp.example", proxy=proxy.url)

        assert len(proxy.heads) == 1

    def test_no_proxy_is_asked_for_what_it_does_not_concern(self, stack, variables):
        remote = stack.enter_context(FakeRemote())
        variables(ALL_PROXY="http://other.example:1")

        assert sent_once(remote.url) == "delivered"

    def test_one_that_cannot_be_used_leaves_the_exporter_out(self, variables):
        variables(HTTPS_PROXY="socks5://me:hunter2@proxy:1080")

        with pytest.raises(ValueError, match=r"^HTTPS_PROXY: a proxy by 'socks5'") as raised:
            sender_of(otlp_http("https://otlp.example"), own_ports=())
        assert "hunter2" not in str(raised.value)

    def test_of_the_exporters_own_that_cannot_be_used_the_key_is_named(self):
        with pytest.raises(ValueError, match=r"^proxy_url: the URL of the proxy cannot be used"):
            sender_of(otlp_http("https://otlp.example", proxy="http://"), own_ports=())
