"""The collector's real process through the life of an execution environment."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from tests.fakes.collector_process import PATIENCE_S, PROTOBUF, SOURCE, CollectorProcess
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.otlp_remote import FakeRemote
from tests.fakes.trace_requests import export_request, span_id

ROOT, CHILD = span_id(1), span_id(2)
OPEN = export_request(("root", ROOT), is_open=True)
FINAL = export_request(("root", ROOT))
CALL = export_request(("call", CHILD), parent=ROOT)


class Environment:
    """An execution environment of fakes around one collector."""

    def __init__(self, folder, variables=None, *, answer=None, modules=None, **lambda_options):
        self.timeline: list[str] = []
        self.lambda_ = FakeLambdaApi(timeline=self.timeline, **lambda_options)
        self.remote = FakeRemote(timeline=self.timeline, **({"answer": answer} if answer else {}))
        self._folder = folder
        self._variables = variables or {}
        self._options = {"modules": modules} if modules else {}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.lambda_)
            stack.enter_context(self.remote)
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.remote.url, **self._variables}
            address, options = self.lambda_.address, self._options
            self.collector = CollectorProcess(self._folder, address, variables, **options)
            stack.enter_context(self.collector)
            self.lambda_.wait_until_asked(1)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()
        assert self.lambda_.violations == []

    def shut_down(self, reason="spindown"):
        """Shut down and return what the collector said in its life."""
        self.lambda_.shuts_down(reason)
        assert self.collector.wait() == 0
        return self.collector.lines


@pytest.fixture
def environment(tmp_path):
    """Enter an environment, and leave it after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(Environment(tmp_path, *args, **options))


class TestInit:
    """It registers, subscribes and asks for events in this order."""

    def test_it_registers_under_the_name_of_its_file(self, environment):
        lambda_ = environment().lambda_

        assert lambda_.registrations == [
            {"events": ["INVOKE", "SHUTDOWN"], "name": "collector_ext"}
        ]
        assert lambda_.timeline == ["register", "subscribe", "next"]

    def test_it_subscribes_to_the_least_buffering(self, environment):
        (subscription,) = environment().lambda_.subscriptions

        assert subscription["schemaVersion"] == "2025-01-29"
        assert subscription["types"] == ["platform"]
        assert subscription["buffering"] == {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25}
        assert subscription["destination"]["URI"].startswith("http://sandbox.localdomain:")

    def test_telemetry_reaches_it_on_any_address(self, environment):
        lambda_ = environment().lambda_
        port = int(lambda_.subscriptions[0]["destination"]["URI"].split(":")[2].strip("/"))

        with socket.create_connection(("127.0.0.2", port), PATIENCE_S) as connection:
            connection.sendall(b"POST /any HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")

    def test_the_rendezvous_names_its_port_and_process(self, environment):
        collector = environment().collector

        assert collector.rendezvous.read_text() == f"{collector.port} {collector.pid}\n"
        assert collector.rendezvous.stat().st_mode & 0o777 == 0o600

    def test_the_rendezvous_is_removed_with_it(self, environment):
        running = environment()
        running.shut_down()

        assert not running.collector.rendezvous.exists()

    def test_a_taken_port_is_replaced_and_said(self, environment):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            running = environment({"OTEL_LAYER_RECEIVER_PORT": str(port)})

            assert running.collector.port != port
            assert running.collector.post("/v1/traces", CALL)[0] == 200
            (line,) = running.shut_down()
        assert line.startswith(f"otel-layer WARN port {port} is taken; OTLP is received on port ")

    def test_on_managed_instances_it_registers_for_shutdown_alone(self, environment):
        kind = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}

        assert environment(kind, accepts_invoke=False).lambda_.registrations == [
            {"events": ["SHUTDOWN"], "name": "collector_ext"}
        ]

    def test_a_refused_registration_is_tried_again(self, environment):
        running = environment(refusals=((500, "Sandbox.Failure"), (500, "Sandbox.Failure")))

        (line,) = running.shut_down()
        assert "Lambda did not register 'collector_ext': HTTP 500" in line

    def test_where_there_are_no_invoke_events_it_does_without(self, environment):
        assert environment(accepts_invoke=False).lambda_.registrations == [
            {"events": ["SHUTDOWN"], "name": "collector_ext"}
        ]

    def test_outside_lambda_it_says_so_and_leaves(self):
        finished = subprocess.run(
            [sys.executable, "-c", "from collector_ext.start import main; main('x')"],
            cwd=SOURCE,
            env={},
            capture_output=True,
            check=True,
        )

        assert b"AWS_LAMBDA_RUNTIME_API is not set" in finished.stdout


class TestAnInvocation:
    """Its spans are at the endpoint before Lambda may freeze the environment."""

    def test_the_end_in_band_is_the_end(self, environment):
        running = environment()

        running.lambda_.invokes("r-1")
        running.collector.tell("r-1", "start", OPEN)
        running.collector.tell("r-1", "", CALL)
        running.collector.tell("r-1", "end", FINAL)
        running.lambda_.wait_until_asked(2)

        assert running.remote.span_names == ["call", "root"]
        assert running.timeline[3:] == ["INVOKE", "export /v1/traces", "next"]

    def test_runtime_done_is_the_end_without_it(self, environment):
        running = environment()

        running.lambda_.invokes("r-1")
        running.collector.post("/v1/traces", CALL)
        running.lambda_.reports_runtime_done("r-1")
        running.lambda_.wait_until_asked(2)

        assert running.timeline[3:] == ["INVOKE", "export /v1/traces", "next"]

    def test_a_healthy_one_says_nothing(self, environment):
        running = environment()
        for number in range(3):
            running.lambda_.invokes(f"r-{number}")
            running.collector.tell(f"r-{number}", "end", CALL)
            running.lambda_.wait_until_asked(number + 2)

        assert running.shut_down() == []

    def test_the_connection_to_the_endpoint_is_kept(self, environment):
        running = environment()
        for number in range(3):
            running.lambda_.invokes(f"r-{number}")
            running.collector.tell(f"r-{number}", "end", CALL)
            running.lambda_.wait_until_asked(number + 2)

        assert len({request.client for request in running.remote.requests}) == 1

    def test_a_crash_makes_the_provisional_root_an_error(self, environment):
        running = environment()

        running.lambda_.invokes("r-1")
        running.collector.tell("r-1", "start", OPEN)
        running.lambda_.reports_runtime_done("r-1", "error", "Runtime.ExitError")
        running.lambda_.wait_until_asked(2)

        (span,) = running.remote.requests[0].message().resource_spans[0].scope_spans[0].spans
        assert (span.name, span.status.message) == ("root", "Runtime.ExitError")

    def test_a_final_root_in_the_kernel_is_read_before_the_crash_is_believed(self, environment):
        running = environment()
        running.lambda_.invokes("r-1")
        running.collector.tell("r-1", "start", OPEN)
        large = export_request(*((f"{n}", span_id(n)) for n in range(10, 4000)), ("root", ROOT))

        running.collector.signal(19)  # SIGSTOP: it reads nothing while both arrive
        client = running.collector.client()
        with contextlib.closing(client):
            client.putrequest("POST", "/v1/traces")
            client.putheader("Content-Type", "application/x-protobuf")
            client.putheader("Content-Length", str(len(large)))
            client.putheader("Lambda-Invocation-Id", "r-1")
            client.endheaders(large)
            with socket.create_connection(("127.0.0.1", telemetry_port(running))) as telemetry:
                telemetry.sendall(runtime_done("r-1"))
                running.collector.signal(18)  # SIGCONT
                running.lambda_.wait_until_asked(2)

        (message,) = [request.message() for request in running.remote.requests]
        spans = message.resource_spans[0].scope_spans[0].spans
        assert [span.status.message for span in spans if span.name == "root"] == [""]


def telemetry_port(running):
    """The port that telemetry is posted to."""
    return int(running.lambda_.subscriptions[0]["destination"]["URI"].split(":")[2].strip("/"))


def runtime_done(request_id):
    """The bytes of a telemetry request that reports a crash."""
    body = (
        b'[{"time":"2126-01-01T00:00:00.000Z","type":"platform.runtimeDone","record":'
        b'{"requestId":"%s","status":"error"}}]' % request_id.encode()
    )
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class TestWhatNobodyExpects:
    """An odd number from outside is not the end of telemetry."""

    @pytest.mark.parametrize("timeout_s", [9.2e15, 30 * 86_400.0])
    def test_a_deadline_in_the_far_future(self, environment, timeout_s):
        running = environment()

        running.lambda_.invokes("r-1", timeout_s=timeout_s)
        for _ in range(2):  # each takes the collector a round of its own
            running.collector.tell("r-1", "")
        running.collector.tell("r-1", "end", CALL)
        running.lambda_.wait_until_asked(2)

        assert running.remote.span_names == ["call"]
        assert running.shut_down() == []

    def test_a_fault_in_an_export_is_a_failed_export(self, tmp_path):
        modules = shutil.copytree(SOURCE / "collector_ext", tmp_path / "modules")
        answers = modules / "core" / "otlp_answer.py"
        answers.write_text(answers.read_text() + "\n\ndef outcome(*_): raise SystemError('odd')\n")
        with FakeLambdaApi() as lambda_, FakeRemote() as remote:
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": remote.url}
            with CollectorProcess(
                tmp_path, lambda_.address, variables, modules=modules
            ) as collector:
                lambda_.wait_until_asked(1)
                for number in (1, 2):
                    lambda_.invokes(f"r-{number}")
                    collector.tell(f"r-{number}", "end", CALL)
                    lambda_.wait_until_asked(number + 1)
                lambda_.shuts_down()
                assert collector.wait() == 0

                failed, discarded = collector.lines
        assert failed.endswith("SystemError; kept for the next export")
        assert "discarded 2 spans" in discarded

    def test_nobody_reads_the_log(self):
        program = (
            "import os; from collector_ext.edge.log import Log; reader, writer = os.pipe();"
            "os.dup2(writer, 1); os.close(writer); os.set_blocking(1, False);"
            "log = Log(is_json=False);"
            "[log.say('WARN', 'x' * 4096) for _ in range(100)]; os.close(reader);"
            "log.say('WARN', 'x'); os._exit(7)"
        )
        finished = subprocess.run(
            [sys.executable, "-c", program], cwd=SOURCE, capture_output=True, check=False
        )

        assert (finished.returncode, finished.stderr) == (7, b"")


class TestAFunctionThatDiedBeforeItWasHeard:
    """The kernel keeps what it had sent, and no answer can be given to it any more."""

    def test_everything_that_it_sent_counts(self, environment):
        running = environment()
        running.collector.signal(signal.SIGSTOP)
        with socket.create_connection(("127.0.0.1", running.collector.port)) as function:
            for number in range(3):
                call = export_request((f"call {number}", span_id(number + 10)), parent=ROOT)
                function.sendall(posted(call, "Lambda-Invocation-Id: r-0"))
            function.sendall(
                posted(OPEN, "Lambda-Invocation-Id: r-1\r\nLambda-Invocation-Phase: start")
            )

        running.collector.signal(signal.SIGCONT)
        running.lambda_.shuts_down("failure")

        assert running.collector.wait() == 0
        assert sorted(running.remote.span_names) == ["call 0", "call 1", "call 2", "root"]


def posted(body, headers):
    """The bytes of a request of the internal half."""
    head = f"POST /v1/traces HTTP/1.1\r\nContent-Type: {PROTOBUF}\r\n{headers}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class TestWithoutTelemetry:
    """Local emulators answer the subscription with 202."""

    def test_the_end_in_band_is_enough(self, environment):
        running = environment(has_telemetry=False)

        running.lambda_.invokes("r-1")
        running.collector.tell("r-1", "start", OPEN)
        running.collector.tell("r-1", "end", FINAL)
        running.lambda_.wait_until_asked(2)

        assert running.timeline[3:] == ["INVOKE", "export /v1/traces", "next"]

    def test_a_function_that_hangs_up_has_died(self, environment):
        """Its root ends when it did; SHUTDOWN, which says how, waits for us."""
        running = environment(has_telemetry=False)

        running.lambda_.invokes("r-1")
        running.collector.tell("r-1", "start", OPEN)
        running.lambda_.wait_until_asked(2)
        running.lambda_.shuts_down("failure")

        assert running.collector.wait() == 0
        assert running.remote.span_names == ["root"]

    def test_without_any_end_the_next_event_is_waited_for(self, environment):
        running = environment(has_telemetry=False)

        running.lambda_.invokes("r-1")
        running.lambda_.wait_until_asked(2)
        running.collector.post("/v1/traces", CALL)
        running.lambda_.invokes("r-2")
        running.lambda_.wait_until_asked(3)

        assert running.remote.span_names == ["call"]


class TestShutdown:
    """What is left goes out, then the process leaves."""

    def test_what_waits_is_exported(self, environment):
        running = environment()
        running.collector.post("/v1/traces", CALL)

        assert running.shut_down() == []
        assert running.timeline[3:] == ["SHUTDOWN", "export /v1/traces"]

    def test_a_provisional_root_is_given_up(self, environment):
        running = environment()
        running.lambda_.invokes("r-1")
        running.collector.tell("r-1", "start", OPEN)
        running.lambda_.reports_runtime_done("r-1", "timeout")
        running.lambda_.wait_until_asked(2)

        running.shut_down("timeout")

        assert running.remote.span_names == ["root"]

    def test_it_may_be_the_first_event(self, environment):
        assert environment().shut_down() == []

    def test_an_endpoint_that_hangs_is_left(self, environment):
        running = environment(answer=lambda _: None)
        running.collector.post("/v1/traces", CALL)

        (failed, discarded) = running.shut_down()

        assert "no answer in time; kept for the next export" in failed
        assert discarded.startswith("otel-layer WARN discarded 1 span ")


class TestAfterAFaultOfOurs:
    """What it held is lost; what comes after it is not."""

    @pytest.fixture
    def modules(self, tmp_path):
        """A copy of the collector that cannot read the first telemetry it gets."""
        modules = shutil.copytree(SOURCE / "collector_ext", tmp_path / "modules")
        telemetry = modules / "core" / "telemetry.py"
        fault = "\n\nentries = ends_in\ndef ends_in(*given):\n"
        fault += "    global ends_in; ends_in = entries; raise SystemError\n"
        telemetry.write_text(telemetry.read_text() + fault)
        return modules

    def test_the_next_invocation_is_exported(self, environment, modules):
        running = environment(modules=modules)
        running.lambda_.invokes("r-1")
        with pytest.raises(OSError):  # noqa: PT011 - the connection ends without an answer
            running.lambda_.reports_runtime_done("r-1")
        running.lambda_.wait_until_asked(2)
        running.lambda_.invokes("r-2")
        running.collector.tell("r-2", "end", CALL)

        running.lambda_.wait_until_asked(3)
        assert running.remote.span_names == ["call"]
        running.lambda_.shuts_down()
        assert running.collector.wait() == 0
        (said,) = (line for line in running.collector.lines if "SystemError" in line)
        assert said.endswith("failed: SystemError(); it begins anew, without what it held")


class TestWhenItCannotDoItsWork:
    """It idles: no invocation waits for it, clients are refused, it exits at SHUTDOWN."""

    @pytest.fixture
    def lambda_(self):
        with FakeLambdaApi() as lambda_:
            yield lambda_
        assert lambda_.violations == []

    @pytest.fixture
    def port(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            return server.getsockname()[1]

    @pytest.fixture
    def idler(self, tmp_path, lambda_, port):
        """Start one that idles, with these variables and options."""
        with contextlib.ExitStack() as stack:

            def start(variables=None, **options):
                variables = {"OTEL_LAYER_RECEIVER_PORT": str(port), **(variables or {})}
                process = CollectorProcess(tmp_path, lambda_.address, variables, **options)
                process.rendezvous.write_text("4318 1\n")  # as left by one that was killed
                return stack.enter_context(process)

            yield start

    @pytest.fixture
    def modules(self, tmp_path):
        """A copy of the collector that may be broken."""
        return shutil.copytree(SOURCE / "collector_ext", tmp_path / "modules")

    def assert_idle(self, lambda_, collector, port):
        """Nobody is led to it or served by it; it leaves when it should."""
        assert not collector.rendezvous.exists()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        lambda_.shuts_down()
        assert collector.wait() == 0

    def test_when_it_is_switched_off(self, lambda_, idler, port):
        off = idler({"OTEL_SDK_DISABLED": "true"})
        lambda_.wait_until_asked(1)

        self.assert_idle(lambda_, off, port)
        assert off.lines == ["otel-layer WARN OTEL_SDK_DISABLED='true'; no telemetry is exported"]
        assert lambda_.registrations == [{"events": ["SHUTDOWN"], "name": "collector_ext"}]

    @pytest.mark.parametrize("version", ["3.6", "3.8"])
    def test_on_an_old_python(self, lambda_, idler, port, version):
        old = idler(python=old_python(version))
        lambda_.wait_until_asked(1)

        self.assert_idle(lambda_, old, port)
        assert f"Python {version} is not supported" in old.lines[-1]

    def test_when_the_rest_cannot_be_loaded(self, lambda_, idler, port, modules):
        (modules / "runner.py").write_text("raise RuntimeError('a broken layer')\n")
        broken = idler(modules=modules)
        lambda_.invokes("r-1")
        lambda_.wait_until_asked(2)

        self.assert_idle(lambda_, broken, port)
        assert "the collector failed: RuntimeError('a broken layer')" in broken.lines[-1]

    def test_when_it_fails_again_and_again(self, lambda_, idler, port, modules):
        telemetry = modules / "core" / "telemetry.py"
        telemetry.write_text(telemetry.read_text() + "\n\ndef events_in(*_): raise SystemError\n")
        broken = idler(modules=modules)
        lambda_.wait_until_asked(1)
        lambda_.invokes("r-1")
        for _ in range(3):
            with pytest.raises(OSError):  # noqa: PT011 - the connection ends without an answer
                lambda_.reports_runtime_done("r-1")
        lambda_.wait_until_asked(2)
        lambda_.invokes("r-2")
        lambda_.wait_until_asked(3)

        self.assert_idle(lambda_, broken, port)
        said = [line.split("SystemError(); ")[1] for line in broken.lines if "SystemError" in line]
        anew = "it begins anew, without what it held"
        assert said == [anew, anew, "from here on no telemetry is exported"]


def old_python(version):
    """Find an interpreter of this version, on PATH or among pyenv's."""
    program = shutil.which(f"python{version}")
    if program and (found := output_of(program, "-c", "import sys; print(sys.executable)")):
        return found
    for name in output_of("pyenv", "versions", "--bare").split() if shutil.which("pyenv") else ():
        if name.startswith(f"{version}."):
            return output_of("pyenv", "prefix", name) + "/bin/python3"
    return pytest.skip(f"no Python {version} on this machine")


def output_of(*command):
    """What a command writes to stdout; nothing if it fails."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if finished.returncode else finished.stdout.strip()
