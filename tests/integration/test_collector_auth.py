"""How the exporter says who it is: basic, bearer, and AWS's signature by the runtime's botocore."""

from __future__ import annotations

import contextlib
import http.server
import json
import posix
import subprocess
import sys
import threading

import pytest
from botocore.auth import SigV4Auth as Signature  # type: ignore[import-untyped]  # no stubs
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # no stubs
from botocore.credentials import Credentials  # type: ignore[import-untyped]  # no stubs

from collector_ext.core.config.configuration import BasicAuth, BearerAuth, SigV4Auth
from collector_ext.core.otlp import SIGNALS, TRACES
from collector_ext.edge import aws
from collector_ext.edge.senders.otlp_http import sender_of
from tests.fakes.collector_process import SOURCE
from tests.fakes.otlp_remote import FakeRemote
from tests.fakes.otlp_settings import otlp_http, sent, sent_once

SECRET = "wJalrXUtnFEMI-not-a-real-key"  # noqa: S105 - nobody's
REGION = "eu-west-1"


@pytest.fixture
def remote(stack):
    """An endpoint that accepts everything."""
    return stack.enter_context(FakeRemote())


@pytest.fixture
def variables(monkeypatch, tmp_path):
    """Sets the variables that are about AWS; of the developer's own there are none."""
    for name in ("PROFILE", "DEFAULT_REGION", "ENDPOINT_URL", "SESSION_TOKEN", "ROLE_ARN"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setitem(posix.environ, b"AWS_REGION", REGION.encode())

    def be(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return be


@pytest.fixture
def credentials(variables):
    """What Lambda gives a function."""
    values = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET}
    variables(**values, AWS_SESSION_TOKEN="a-token")  # noqa: S106 - nobody's


def signed_again(url, headers, body):
    """Return the authorization that these headers call for, had they been signed now."""
    request = AWSRequest("POST", url, {"content-type": headers["content-type"]}, body)
    signature = Signature(Credentials("AKID", SECRET, "a-token"), "xray", REGION)
    request.context["timestamp"] = headers["x-amz-date"]
    request.headers["x-amz-date"] = headers["x-amz-date"]
    request.headers["x-amz-security-token"] = headers["x-amz-security-token"]
    canonical = signature.canonical_request(request)
    to_sign = signature.string_to_sign(request, canonical)
    return signature.signature(to_sign, request)


class TestWhoWeAre:
    """It stands in one header, which the configuration's headers do not replace."""

    @pytest.mark.parametrize(
        ("auth", "header"),
        [(BasicAuth("me", "word"), "Basic bWU6d29yZA=="), (BearerAuth("t0ken\n"), "Bearer t0ken")],
    )
    def test_basic_and_bearer(self, remote, auth, header):
        outcome = sent_once(remote.url, auth=auth, headers=[("Authorization", "mine")])

        assert outcome == "delivered"
        assert remote.requests[0].headers["authorization"] == header

    @pytest.mark.parametrize("token", ["hunter2\r\nx: y", "hunter2\u2028x", "hünter2\x00"])
    def test_a_token_that_cannot_be_sent_is_not_said(self, token):
        settings = otlp_http("http://otlp.example", auth=BearerAuth(token))

        with pytest.raises(ValueError, match="the value of the header 'authorization'") as raised:
            sender_of(settings, own_ports=())

        assert "nter2" not in str(raised.value)


@pytest.mark.usefixtures("credentials")
class TestASignature:
    """Made by botocore of what no proxy changes, with the credentials of the environment."""

    @pytest.mark.parametrize("is_gzip", [False, True])
    def test_it_is_the_one_aws_expects(self, stack, is_gzip):
        bodies: list[bytes] = []
        heads: list[dict[str, str]] = []
        url = stack.enter_context(raw_service(heads, bodies))

        outcome = sent_once(
            url,
            b"\x0a\x00",
            auth=SigV4Auth("", "xray", ""),
            is_gzip=dict.fromkeys(SIGNALS, is_gzip),
            headers=[("x-changes", "1")],
        )

        (headers,), (body,) = heads, bodies
        found, _, signature = headers["authorization"].rpartition("Signature=")
        assert outcome == "delivered"
        assert signature == signed_again(f"{url}/v1/traces", headers, body)
        assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, " in found
        assert f"/{REGION}/xray/aws4_request" in found

    def test_a_region_of_its_own_goes_first(self, remote):
        sent_once(remote.url, auth=SigV4Auth("us-east-2", "logs", ""))

        assert "/us-east-2/logs/aws4_request" in remote.requests[0].headers["authorization"]

    def test_without_any_region_nothing_is_sent(self, remote, monkeypatch):
        monkeypatch.delitem(posix.environ, b"AWS_REGION")
        monkeypatch.delitem(posix.environ, b"AWS_DEFAULT_REGION", raising=False)

        reason = sent_once(remote.url, auth=SigV4Auth("", "xray", ""))

        assert reason == "cannot sign the request: neither `region` nor AWS_REGION is set"

    def test_each_request_has_its_own(self, remote):
        sender = sender_of(otlp_http(remote.url, auth=SigV4Auth("", "xray", "")), own_ports=())

        outcomes = [sent(sender, body) for body in (b"", b"\x0a\x00")]
        sender.close()

        assert outcomes == ["delivered", "delivered"]
        assert len({r.headers["authorization"] for r in remote.requests}) == 2
        assert len({r.client for r in remote.requests}) == 1


class TestCredentials:
    """Those Lambda gives, by whichever way, or a role's."""

    def test_without_any_nothing_is_sent(self, remote, variables, monkeypatch):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name, raising=False)
        variables()

        reason = sent_once(remote.url, auth=SigV4Auth("", "xray", ""))

        assert reason == "cannot sign the request: there are no credentials in the environment"
        assert remote.requests == []

    def test_a_restored_environment_asks_for_them(self, stack, remote, variables):
        asked: list[dict[str, str]] = []
        answer = {
            "AccessKeyId": "RESTORED",
            "SecretAccessKey": SECRET,
            "Token": "t",
            "Expiration": "2999-01-01T00:00:00Z",
        }
        url = stack.enter_context(raw_service(asked, [], json.dumps(answer).encode()))
        variables(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{url}/2021-04-23/credentials",
            AWS_CONTAINER_AUTHORIZATION_TOKEN="let-me-in",  # noqa: S106 - nobody's
        )
        sender = sender_of(otlp_http(remote.url, auth=SigV4Auth("", "xray", "")), own_ports=())

        outcomes = [sent(sender) for _ in range(2)]
        sender.close()

        assert outcomes == ["delivered", "delivered"]
        assert "Credential=RESTORED/" in remote.requests[1].headers["authorization"]
        assert [head["authorization"] for head in asked] == ["let-me-in"]

    def test_a_role_is_assumed_once(self, stack, remote, credentials, variables):
        assert credentials is None
        asked: list[dict[str, str]] = []
        bodies: list[bytes] = []
        url = stack.enter_context(raw_service(asked, bodies, ASSUMED.encode()))
        variables(AWS_ENDPOINT_URL_STS=url)
        auth = SigV4Auth("", "xray", "arn:aws:iam::123456789012:role/telemetry")
        sender = sender_of(otlp_http(remote.url, auth=auth), own_ports=())

        outcomes = [sent(sender) for _ in range(2)]
        sender.close()

        assert outcomes == ["delivered", "delivered"]
        assert "Credential=ASSUMED/" in remote.requests[1].headers["authorization"]
        assert remote.requests[1].headers["x-amz-security-token"] == "assumed-token"
        assert len(asked) == 1
        assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Ftelemetry" in bodies[0]

    def test_a_role_that_may_not_be_assumed_is_said(self, stack, remote, credentials, variables):
        assert credentials is None
        url = stack.enter_context(raw_service([], [], DENIED.encode(), status=403))
        variables(AWS_ENDPOINT_URL_STS=url)
        auth = SigV4Auth("", "xray", "arn:aws:iam::123456789012:role/telemetry")

        reason = sent_once(remote.url, auth=auth)

        assert reason == "cannot sign the request: AccessDenied: not allowed to assume it"


ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><AssumedRoleUser><Arn>a</Arn><AssumedRoleId>i</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>assumed-token</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""

DENIED = """<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>not allowed to assume it</Message></Error></ErrorResponse>"""


@contextlib.contextmanager
def raw_service(heads, bodies, answer=b"", *, status=200):
    """Keep heads and bodies as they come, and answer all alike; yield the URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Keep quiet."""

        def do_GET(self):
            heads.append({name.lower(): value for name, value in self.headers.items()})
            bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815 - the library's name

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


PROGRAM = """
import sys; sys.path.insert(0, sys.argv[1]); before = list(sys.path)
from collector_ext.core.config.configuration import SigV4Auth
from collector_ext.edge.sigv4 import Signer
assert not any("botocore" in name for name in sys.modules)
from collector_ext.edge import clock
signer = Signer(SigV4Auth("eu-west-1", "xray", ""))
headers = signer.sign("http://x/v1/traces", {}, b"", deadline_at=clock.now() + 20)
assert sys.path == before, sys.path
print(",".join(sorted(headers)))
"""


class TestTheRuntimesBotocore:
    """It is found where the interpreter has its packages, and leaves no trace on the path."""

    def test_it_is_found_by_an_isolated_interpreter(self):
        finished = subprocess.run(
            [sys.executable, "-I", "-S", "-c", PROGRAM, str(SOURCE)],
            check=False,
            capture_output=True,
            text=True,
            env={"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": SECRET},
        )

        assert (finished.stdout, finished.stderr) == ("authorization,x-amz-date\n", "")

    def test_without_it_the_exporter_is_left_out(self, monkeypatch):
        monkeypatch.setattr(aws, "folder", lambda: "")
        settings = otlp_http("http://otlp.example", auth=SigV4Auth("", "xray", ""))

        with pytest.raises(
            ValueError, match=r"^cannot sign with sigv4: there is no botocore in this runtime$"
        ):
            sender_of(settings, own_ports=())

    def test_what_is_not_signed_needs_none(self, remote, monkeypatch):
        monkeypatch.setattr(aws, "folder", lambda: "")

        assert sent_once(remote.url) == "delivered"
        assert TRACES.path == remote.requests[0].path
