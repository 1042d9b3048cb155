"""Secrets, read from moto's server by the runtime's botocore, and rotated while they are used."""

from __future__ import annotations

import contextlib
import http.server
import json
import posix
import socket
import subprocess
import sys
import threading
from pathlib import Path

import botocore.session  # type: ignore[import-untyped]  # it has no stubs
import pytest
import yaml

from collector_ext.core.config.configuration import BearerAuth
from collector_ext.core.secrets import Fault
from collector_ext.edge import aws, clock
from collector_ext.edge.config_sources import document
from collector_ext.edge.secrets import Resolver, SecretKeeper
from collector_ext.edge.senders.otlp_http import sender_of
from collector_ext.edge.senders.resolving import ResolvingSender, references_of
from tests.fakes.collector_process import SOURCE, CollectorProcess
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.otlp_remote import PATIENCE_S, FakeRemote
from tests.fakes.otlp_settings import BUDGET_S, otlp_http, sent
from tests.fakes.trace_requests import export_request, span_id

REGION = "eu-west-1"
FIRST, SECOND, OTHER = "s3cr3t-the-first", "s3cr3t-the-second", "s3cr3t-the-other"
A, B = export_request(("a", span_id(1))), export_request(("b", span_id(2)))
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cr3t-of-aws"}


@pytest.fixture(scope="module")
def moto_url():
    """Moto's server, in a process of its own."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        announced = next(line for line in process.stderr if "Running on" in line)
        # What it logs from here on is nobody's.
        drain = threading.Thread(target=process.stderr.read)
        drain.start()
        yield announced.split("Running on")[1].strip()
        process.kill()
        drain.join()


@pytest.fixture
def variables(monkeypatch, tmp_path):
    """What Lambda gives a function, and where AWS is."""

    def be(url):
        values = {
            **CREDENTIALS,
            "AWS_CONFIG_FILE": str(tmp_path / "none"),
            "AWS_ENDPOINT_URL": url,
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setitem(posix.environ, b"AWS_REGION", REGION.encode())

    return be


@pytest.fixture
def client(moto_url, variables):
    """Makes clients of AWS for the test itself, which begins with nothing stored."""
    variables(moto_url)
    with contextlib.closing(socket.create_connection(address_of(moto_url))) as connection:
        connection.sendall(b"POST /moto-api/reset HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
        while connection.recv(1000):
            pass

    def make(service, region=REGION):
        return botocore.session.Session().create_client(service, region)

    return make


def address_of(url):
    """Host and port."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    return host, int(port)


def resolved(*references, budget_s=BUDGET_S):
    """Read these as the exporter's thread does."""
    return Resolver().resolve(references, clock.now() + budget_s)


class TestSecretsManager:
    """A secret is read by its name or ARN, all of it or one key of its JSON."""

    def test_one(self, client):
        client("secretsmanager").create_secret(Name="team/key", SecretString=FIRST)

        assert resolved("secretsmanager:team/key") == {"secretsmanager:team/key": FIRST}

    def test_several_and_keys_of_one(self, client):
        secrets = client("secretsmanager")
        content = json.dumps({"api": FIRST, "port": 4318})
        arn = secrets.create_secret(Name="both", SecretString=content)["ARN"]
        secrets.create_secret(Name="binary", SecretBinary=SECOND.encode())

        found = resolved(
            "secretsmanager:both#api",
            f"secretsmanager:{arn}#port",
            f"secretsmanager:{arn.rpartition('-')[0]}#api",
            "secretsmanager:binary",
        )

        assert list(found.values()) == [FIRST, "4318", FIRST, SECOND]

    def test_an_arn_names_the_region(self, client):
        arn = client("secretsmanager", "us-east-2").create_secret(Name="there", SecretString=FIRST)[
            "ARN"
        ]

        found = resolved(f"secretsmanager:{arn}", "secretsmanager:there")

        assert found[f"secretsmanager:{arn}"] == FIRST
        assert found["secretsmanager:there"].reason.startswith("ResourceNotFoundException: ")

    def test_one_that_is_missing_leaves_the_others(self, client):
        client("secretsmanager").create_secret(Name="here", SecretString=FIRST)

        found = resolved("secretsmanager:here", "secretsmanager:gone", "secretsmanager:here#key")

        assert found["secretsmanager:here"] == FIRST
        assert found["secretsmanager:gone"].reason.startswith("ResourceNotFoundException: ")
        assert found["secretsmanager:here#key"] == Fault("it is not JSON, so that it has no keys")

    def test_one_that_is_not_text_has_no_value(self, client):
        secrets = client("secretsmanager")
        secrets.create_secret(Name="here", SecretString=FIRST)
        secrets.create_secret(Name="bytes", SecretBinary=b"\xff\xfe")

        found = resolved("secretsmanager:here", "secretsmanager:bytes")

        assert list(found.values()) == [FIRST, Fault("it is not text")]

    def test_a_key_that_is_missing_is_said_without_the_others(self, client):
        client("secretsmanager").create_secret(Name="a", SecretString=json.dumps({"x": FIRST}))

        assert resolved("secretsmanager:a#y") == {"secretsmanager:a#y": Fault("it has no key 'y'")}


class TestParameterStore:
    """Parameters are read decrypted, ten with each call."""

    def test_more_than_one_call_takes(self, client):
        parameters = client("ssm")
        for number in range(12):
            name, value = f"/key/{number}", f"{FIRST}{number}"
            parameters.put_parameter(Name=name, Value=value, Type="SecureString")

        found = resolved(*(f"ssm:/key/{number}" for number in range(13)))

        assert list(found.values())[:12] == [f"{FIRST}{number}" for number in range(12)]
        assert found["ssm:/key/12"] == Fault("there is no such parameter")

    def test_a_version(self, client):
        parameters = client("ssm")
        for value in (FIRST, SECOND):
            parameters.put_parameter(Name="key", Value=value, Type="String", Overwrite=True)

        assert resolved("ssm:key:1") == {"ssm:key:1": FIRST}

    def test_versions_labels_and_arns_beside_each_other(self, stack, variables):
        arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/key"
        common = {"Name": "key", "ARN": arn}
        answer = {
            "Parameters": [
                {**common, "Version": 3, "Value": "newest"},
                {**common, "Version": 1, "Selector": ":1", "Value": FIRST},
                {**common, "Version": 2, "Selector": ":live", "Value": SECOND},
            ]
        }
        url, _ = stack.enter_context(scripted_aws({"GetParameters": (200, answer)}))
        variables(url)

        found = resolved("ssm:key", "ssm:key:1", "ssm:key:live", f"ssm:{arn}", "ssm:key:3")

        assert list(found.values()) == ["newest", FIRST, SECOND, "newest", "newest"]


class TestAnObject:
    """Of S3, as configuration files are kept there."""

    def test_its_text(self, client):
        objects = client("s3")
        objects.create_bucket(
            Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        objects.put_object(Bucket="bucket", Key="a/b.yaml", Body=b"receivers:\n")
        reference = f"s3://bucket.s3.{REGION}.amazonaws.com/a/b.yaml"

        found = resolved(reference, "s3://bucket/none")

        assert found[reference] == "receivers:\n"
        assert found["s3://bucket/none"].reason.startswith("NoSuchKey: ")


@contextlib.contextmanager
def scripted_aws(answers):
    """Answer each operation with status and object; yield the URL and what was asked."""
    asked: list[tuple[str, object]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Keep quiet."""

        def do_POST(self):
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((operation, content))
            status, answer = answers[operation]
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestWhatAwsMayDo:
    """Whatever it answers, and if it does not."""

    def test_several_secrets_are_one_call(self, stack, variables):
        values = [
            {"ARN": f"arn:{n}-AbCdEf", "Name": n, "SecretString": FIRST + n} for n in ("a", "b")
        ]
        answers = {"BatchGetSecretValue": (200, {"SecretValues": values})}
        url, asked = stack.enter_context(scripted_aws(answers))
        variables(url)

        found = resolved("secretsmanager:a", "secretsmanager:b")

        assert list(found.values()) == [FIRST + "a", FIRST + "b"]
        assert asked == [("BatchGetSecretValue", {"SecretIdList": ["a", "b"]})]

    def test_a_policy_that_allows_single_calls_only(self, stack, variables):
        denied = {"__type": "AccessDeniedException", "Message": "no batch"}
        answers = {
            "BatchGetSecretValue": (400, denied),
            "GetSecretValue": (200, {"ARN": "arn:a-1", "Name": "a", "SecretString": FIRST}),
        }
        url, asked = stack.enter_context(scripted_aws(answers))
        variables(url)

        found = resolved("secretsmanager:a", "secretsmanager:b")

        assert list(found.values()) == [FIRST, FIRST]
        assert [operation for operation, _ in asked] == [
            "BatchGetSecretValue", "GetSecretValue", "GetSecretValue",
        ]  # fmt: skip

    def test_a_refusal_is_tried_once_and_said(self, stack, variables):
        failure = {"__type": "InternalServiceError", "message": "again, please"}
        url, asked = stack.enter_context(scripted_aws({"GetSecretValue": (500, failure)}))
        variables(url)

        found = resolved("secretsmanager:a")

        assert found == {"secretsmanager:a": Fault("InternalServiceError: again, please")}
        assert len(asked) == 1

    @pytest.mark.parametrize("reference", ["secretsmanager:a", "ssm:a", "s3://a/b"])
    def test_silence_ends_with_the_deadline(self, stack, variables, reference):
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        variables(f"http://127.0.0.1:{server.getsockname()[1]}")

        (fault,) = resolved(reference, budget_s=1.0).values()

        assert fault.reason.startswith("ReadTimeoutError: ")

    def test_without_time_it_is_not_asked(self, variables):
        variables("http://127.0.0.1:9")

        assert resolved("ssm:a", budget_s=0.0) == {"ssm:a": Fault("no time is left")}

    def test_what_is_no_region_is_said(self, variables):
        variables("http://127.0.0.1:1")
        reference = "ssm:arn:aws:ssm:no region:123456789012:parameter/key"

        (fault,) = resolved(reference).values()

        assert isinstance(fault, Fault)
        assert "InvalidRegionError" in fault.reason

    def test_without_botocore_nothing_is_known(self, monkeypatch):
        monkeypatch.setattr(aws, "folder", lambda: "")

        found = resolved("ssm:a", "nonsense")

        assert found["ssm:a"] == Fault("there is no botocore in this runtime")
        assert found["nonsense"].reason.startswith("'nonsense' is not ")


REFERENCE = "secretsmanager:otlp/token"
UNAUTHORISED = (
    "HTTP 401 (sent with the header authorization), with the secrets as they were last read"
)


TWO = """
receivers: {otlp: }
exporters:
  debug:
  otlp_http/one: {endpoint: 'https://a.example', headers: {k: '${ssm:/one}', l: '${ssm:/both}'}}
  otlp_http/other: {endpoint: 'https://a.example', headers: {k: 'x${ssm:/both}'}}
processors:
  attributes: {actions: [{key: k, value: '${ssm:/elsewhere}', action: insert}]}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [attributes]
      exporters: [debug, otlp_http/one, otlp_http/other]
"""


class TestTheSecretsOfAnExporter:
    """They are those that it is made of: for no others does it wait."""

    def test_are_found(self):
        source = document("yaml:" + TWO, {}, named_by="")

        assert references_of(source.configuration) == {
            "debug": (),
            "otlp_http/one": ("ssm:/one", "ssm:/both"),
            "otlp_http/other": ("ssm:/both",),
        }

    def test_of_none_are_none(self):
        source = document("yaml:" + TWO.replace("$", ""), {}, named_by="")

        assert set(references_of(source.configuration).values()) == {()}


class TestAnExporterWithASecret:
    """Nothing is lost while it is not known, or not any more."""

    @pytest.fixture
    def accepted(self):
        return [FIRST]

    @pytest.fixture
    def remote(self, stack, accepted):
        """An endpoint that accepts the secrets in ``accepted``."""

        def answer(request):
            is_known = request.headers["authorization"] in {f"Bearer {s}" for s in accepted}
            return (200 if is_known else 401, b"")

        return stack.enter_context(FakeRemote(answer))

    @pytest.fixture
    def sender(self, stack, remote):
        """The exporter's, which may read secrets as often as it likes."""
        keeper = SecretKeeper([REFERENCE], refresh_s_min=0.0)

        def build(values):
            return sender_of(
                otlp_http(remote.url, auth=BearerAuth(values[REFERENCE])), own_ports=()
            )

        sender = ResolvingSender(keeper, (REFERENCE,), build)
        stack.callback(sender.close)
        return sender

    def test_it_is_delivered_once_it_is_known(self, client, remote, sender):
        client("secretsmanager").create_secret(Name="otlp/token", SecretString=FIRST + "\n")

        outcomes = [sent(sender), sent(sender)]

        assert outcomes == ["delivered", "delivered"]
        assert len({request.client for request in remote.requests}) == 1

    def test_a_missing_one_is_named_and_nothing_is_sent(self, client, remote, sender):
        assert client

        reason = sent(sender)

        assert reason.startswith(
            f"the secret {REFERENCE} is not known: ResourceNotFoundException: "
        )
        assert remote.requests == []

    def test_rotated_it_is_read_again_and_the_request_delivered(
        self, client, remote, sender, accepted
    ):
        secrets = client("secretsmanager")
        secrets.create_secret(Name="otlp/token", SecretString=FIRST)
        assert sent(sender, b"\x0a\x00") == "delivered"

        secrets.put_secret_value(SecretId="otlp/token", SecretString=SECOND)
        accepted[:] = [SECOND]
        outcome = sent(sender, b"\x0a\x00\x0a\x00")

        assert outcome == "delivered"
        assert [(r.headers["authorization"], len(r.body)) for r in remote.requests] == [
            (f"Bearer {FIRST}", 2), (f"Bearer {FIRST}", 4), (f"Bearer {SECOND}", 4),
        ]  # fmt: skip

    def test_rotated_at_the_endpoint_first_the_request_is_kept(self, client, sender, accepted):
        secrets = client("secretsmanager")
        secrets.create_secret(Name="otlp/token", SecretString=FIRST)
        accepted[:] = [SECOND]

        reasons = [sent(sender)]
        secrets.put_secret_value(SecretId="otlp/token", SecretString=SECOND)
        reasons.append(sent(sender))

        assert reasons == [
            f"{UNAUTHORISED}; kept", "delivered",
        ]  # fmt: skip

    def test_a_wrong_one_is_not_read_with_every_request(self, stack, remote, accepted):
        accepted.clear()
        read: list[tuple[str, ...]] = []

        def resolve(references, deadline_at):
            assert deadline_at
            read.append(references)
            return dict.fromkeys(references, FIRST)

        def build(values):
            return sender_of(
                otlp_http(remote.url, auth=BearerAuth(values[REFERENCE])), own_ports=()
            )

        sender = ResolvingSender(SecretKeeper([REFERENCE], resolve), (REFERENCE,), build)
        stack.callback(sender.close)
        reasons = {sent(sender) for _ in range(5)}

        assert reasons == {f"{UNAUTHORISED}; kept"}
        assert read == [(REFERENCE,), (REFERENCE,)]

    def test_what_is_refused_for_other_reasons_is_as_ever(self, client, remote, sender):
        client("secretsmanager").create_secret(Name="otlp/token", SecretString=FIRST)
        remote.answer = lambda _: (400, b"")

        assert sent(sender) == "HTTP 400; dropped"

    def test_one_that_cannot_be_sent_is_not_said(self, client, sender):
        client("secretsmanager").create_secret(Name="otlp/token", SecretString=f"{FIRST}\r\nx: y")

        assert sent(sender) == (
            "the value of the header 'authorization' has characters that cannot be sent"
        )

    def test_who_waits_for_another_to_read_them_waits_no_longer_than_it_may(self):
        is_reading, is_over = threading.Event(), threading.Event()

        def resolve(references, _):
            is_reading.set()
            is_over.wait(PATIENCE_S)
            return dict.fromkeys(references, FIRST)

        keeper = SecretKeeper([REFERENCE], resolve)
        known: list[dict[str, str]] = []
        other = threading.Thread(
            target=lambda: known.append(keeper.known((REFERENCE,), clock.now() + BUDGET_S))
        )
        other.start()
        is_reading.wait(PATIENCE_S)

        with pytest.raises(LookupError, match="secrets are still being read"):
            keeper.known((REFERENCE,), clock.now() + 0.1)
        is_over.set()
        other.join()

        assert known == [{REFERENCE: FIRST}]

    def test_the_secrets_of_all_exporters_are_read_together(self, stack, remote):
        read: list[tuple[str, ...]] = []

        def resolve(references, _):
            read.append(references)
            return {"ssm:a": FIRST, "ssm:b": Fault("denied")}

        keeper = SecretKeeper(["ssm:a", "ssm:b"], resolve)
        senders = [
            ResolvingSender(
                keeper,
                (name,),
                lambda values: sender_of(
                    otlp_http(remote.url, auth=BearerAuth(*values.values())), own_ports=()
                ),
            )
            for name in ("ssm:a", "ssm:b")
        ]
        for sender in senders:
            stack.callback(sender.close)

        assert [sent(sender) for sender in senders] == [
            "delivered",
            "the secret ssm:b is not known: denied",
        ]
        assert read == [("ssm:a", "ssm:b")]


PROGRAM = """
import sys; sys.path.insert(0, sys.argv[1]); before = list(sys.path)
from collector_ext.edge import clock
from collector_ext.edge.secrets import Resolver
answers = Resolver().resolve(sys.argv[2:], clock.now() + 20)
assert sys.path == before, sys.path
print(" ".join(text if isinstance(text, str) else "(fault)" for text in answers.values()))
"""


def test_an_isolated_interpreter_reads_them_too(client, moto_url):
    client("secretsmanager").create_secret(Name="a", SecretString=FIRST)
    client("ssm").put_parameter(Name="b", Value=SECOND, Type="SecureString")

    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(SOURCE), "secretsmanager:a", "ssm:b"],
        check=False,
        capture_output=True,
        text=True,
        env={**CREDENTIALS, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": moto_url},
    )

    assert (finished.stdout, finished.stderr) == (f"{FIRST} {SECOND}\n", "")


DOCUMENT = """\
receivers: {otlp: {protocols: {http: {}}}}
exporters:
  otlp_http:
    endpoint: URL
    compression: none
    headers:
      x-api-key: ${secretsmanager:otlp/keys#api}
      x-other: ${ssm:/otlp/other}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_http]}
"""


class Running:
    """A collector's process, one invocation after the other."""

    def __init__(self, lambda_, collector, remote, keys):
        self.lambda_, self.collector, self.remote, self.keys = lambda_, collector, remote, keys
        self._count = 1
        lambda_.wait_until_asked(1)

    def invoke(self, body):
        """Have one invocation in which ``body`` is posted, and wait for its end."""
        self.lambda_.invokes(f"r-{self._count}")
        if body:
            self.collector.post("/v1/traces", body)
        self.collector.tell(f"r-{self._count}", "end")
        self._count += 1
        self.lambda_.wait_until_asked(self._count)

    def warnings(self):
        """Shut down; return what it warned of. Of all it wrote, nothing is a secret."""
        self.lambda_.shuts_down()
        assert self.collector.wait() == 0
        lines = self.collector.lines
        assert "s3cr3t" not in "".join(lines)
        return [line for line in lines if " WARN " in line]


def put_yaml_beside(folder):
    """Give the layer root that is made in ``folder`` what the layer has: PyYAML."""
    libraries = folder / "layer" / "collector-lib"
    libraries.mkdir(parents=True)
    (libraries / "yaml").symlink_to(Path(yaml.__file__).parent)


class TestTheCollectorsProcess:
    """It starts without them, learns them with the first export, and never says one."""

    @pytest.fixture
    def store(self, client):
        """Sets the endpoint's key, and another secret that stays."""

        def store(key):
            content = json.dumps({"api": key, "unused": "s3cr3t-of-nobody"})
            secrets = client("secretsmanager")
            with contextlib.suppress(secrets.exceptions.ResourceExistsException):
                secrets.create_secret(Name="otlp/keys", SecretString=content)
            secrets.put_secret_value(SecretId="otlp/keys", SecretString=content)
            client("ssm").put_parameter(
                Name="/otlp/other", Value=OTHER, Type="SecureString", Overwrite=True
            )

        return store

    @pytest.fixture
    def running(self, stack, tmp_path, moto_url, client):
        """One collector between fakes of Lambda and of the endpoint, which knows ``keys``."""
        assert client
        keys = [FIRST]
        remote = stack.enter_context(
            FakeRemote(lambda r: (200 if r.headers["x-api-key"] in keys else 401, b""))
        )
        document = tmp_path / "collector.yaml"
        document.write_text(DOCUMENT.replace("URL", remote.url))
        lambda_ = stack.enter_context(FakeLambdaApi())
        variables = {
            **CREDENTIALS,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": moto_url,
            "OPENTELEMETRY_COLLECTOR_CONFIG_URI": str(document),
        }
        put_yaml_beside(tmp_path)
        collector = stack.enter_context(CollectorProcess(tmp_path, lambda_.address, variables))
        return Running(lambda_, collector, remote, keys)

    def test_both_are_read_and_sent(self, running, store):
        store(FIRST)

        running.invoke(A)

        (request,) = running.remote.requests
        assert (request.headers["x-api-key"], request.headers["x-other"]) == (FIRST, OTHER)
        assert request.span_names() == ["a"]
        assert running.warnings() == []

    def test_what_waits_is_sent_when_they_are_known(self, running, store):
        running.invoke(A)
        assert running.remote.requests == []

        store(FIRST)
        given_up_at = clock.now() + PATIENCE_S
        while not running.remote.requests:
            assert clock.now() < given_up_at, running.collector.lines
            running.invoke(b"")

        (failed,) = running.warnings()
        assert running.remote.span_names == ["a"]
        assert "the secret secretsmanager:otlp/keys#api is not known: " in failed
        assert "; kept for the next export" in failed
        assert (
            "ResourceNotFoundException: Secrets Manager can't find the specified secret;" in failed
        )

    def test_rotated_while_it_runs(self, running, store):
        store(FIRST)
        running.invoke(A)

        store(SECOND)
        running.keys[:] = [SECOND]
        running.invoke(B)

        accepted = [r for r in running.remote.requests if r.headers["x-api-key"] == SECOND]
        assert [request.span_names() for request in accepted] == [["b"]]
        assert running.warnings() == []

    def test_of_a_wrong_one_nothing_is_said_but_that(self, running, store):
        store(FIRST)
        running.keys.clear()

        running.invoke(A)
        running.invoke(B)

        failed, discarded = running.warnings()
        assert (
            "HTTP 401 (sent with the headers x-api-key, x-other), "
            "with the secrets as they were last read; kept for the next export; "
        ) in failed
        assert "discarded 2 spans" in discarded
