"""A function without any layer behaves in the sandbox as under ``awslambdaric`` alone.

Each story is told twice with the same release of the runtime client, the same interpreter and
the same request ids: in the sandbox, and to a process that talks to a bare Runtime API on
loopback. What the two say is compared byte for byte, but for what cannot be the same.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from lambda_sandbox.edge import clock, proc
from lambda_sandbox.edge.interpreter import InterpreterError, interpreter_of
from lambda_sandbox.edge.packages import ensure
from lambda_sandbox.function import RUNTIME_REQUIREMENTS
from lambda_sandbox.sandbox import Function, Sandbox, SandboxError
from lambda_sandbox.settings import cache_folder
from tests.fakes.runtime_api import FunctionProcess, RuntimeApi

HERE = Path(__file__).parent
EXTENSION = HERE / "sandbox_extensions" / "minimal"
PYTHON = interpreter_of(Path(sys.executable))

NEWEST = RUNTIME_REQUIREMENTS
OF_2024 = RUNTIME_REQUIREMENTS.with_name("runtime-requirements-3.0.0.txt")
PYTHONS_OF_2024 = {"3.10", "3.11", "3.12", "3.13"}
"""What there are wheels of awslambdaric 3.0.0 for: nobody compiles C++ for a test."""

PLACE_OF_THE_CLIENT = re.compile(r'(?m)(?:^|(?<="))/[^"\n]*/(?=awslambdaric/|simplejson/)')
"""A folder of each sandbox; alone, the folder that the sandbox links to."""

TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
ADDRESSES = re.compile(r"0x[0-9a-f]{6,}")

APP = """
import asyncio
import logging
import os
import sys

from library import nested

NUMBER = 7


def result(event, context):
    return {"event": event, "id": context.aws_request_id, "list": [1, 2.5, None, True]}


def none(event, context):
    pass


def unicode(event, context):
    return {"ü": "Zürich \\u2028 \\U0001f389", "event": event}


def not_a_number(event, context):
    return float("nan")


def large(event, context):
    return "x" * 5_000_000


def speaks(event, context):
    print("printed")
    print("to stderr", file=sys.stderr)
    logging.warning("logged\\nin two lines")
    return "spoke"


def raises(event, context):
    def inner(n):
        if n == 0:
            raise ValueError("the customer's own: ü")
        inner(n - 1)

    try:
        inner(3)
    except ValueError as error:
        raise KeyError("another") from error


def raises_in_a_library(event, context):
    nested.deep.fail(event)


def raises_without_text(event, context):
    raise AssertionError


def raises_far_down(event, context, depth=100):
    return 1 / depth + raises_far_down(event, context, depth - 1)


def no_arguments():
    pass


async def coroutine(event, context):
    return "never awaited"


def unserialisable(event, context):
    return {"set": {1}}


def exits(event, context):
    print("before")
    sys.exit(*event)


def exits_at_once(event, context):
    os._exit(*event)


def kills_itself(event, context):
    os.kill(os.getpid(), *event)
"""

STORIES = {
    "a result": "app.result",
    "no result": "app.none",
    "a result beyond ASCII": "app.unicode",
    "a number that is none": "app.not_a_number",
    "a large result": "app.large",
    "a log": "app.speaks",
    "an exception with its cause": "app.raises",
    "an exception in a nested module": "app.raises_in_a_library",
    "an exception without a text": "app.raises_without_text",
    "an exception far down": "app.raises_far_down",
    "a handler that takes no arguments": "app.no_arguments",
    "a coroutine": "app.coroutine",
    "a handler that cannot be called": "app.NUMBER",
    "a result that is no JSON": "app.unserialisable",
    "a module in a package, with a slash": "library/nested/deep.handler",
    "a module in a package, with dots": "library.nested.deep.handler",
}

EVENTS = ({"a": "ü"}, [1, "x"], None, "\U0001f389", 7)

FAILING_STARTS = {
    "no such module": "missing.handler",
    "no such handler": "app.missing",
    "no dot in the name": "app",
    "a built-in module": "sys.exit",
    "a syntax error": "syntax_error.handler",
    "an exception while it is imported": "raising.handler",
    "an import that fails": "importing.handler",
    "a relative name": "./app.handler",
}

EXITS = {
    "with a status": ("app.exits", [3], "exit status 3"),
    "without one": ("app.exits", [], None),
    "with a text": ("app.exits", ["out of order"], "exit status 1"),
    "at once": ("app.exits_at_once", [4], "exit status 4"),
    "by SIGKILL": ("app.kills_itself", [9], "signal: killed"),
    "by SIGSEGV": ("app.kills_itself", [11], "signal: segmentation fault"),
}
"""A handler, its event, and what the platform says of it; None for an exit without a reason."""


@pytest.fixture(params=[NEWEST, OF_2024], ids=["newest", "3.0.0"])
def client(request):
    """The requirements of a release of the runtime client."""
    return _for_python(request.param, PYTHON.version)


def _for_python(client, version):
    if client == OF_2024 and version not in PYTHONS_OF_2024:
        pytest.skip(f"awslambdaric 3.0.0 has no wheel for Python {version}")
    return client


@pytest.fixture
def task(tmp_path):
    folder = tmp_path / "task"
    (folder / "library" / "nested").mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    (folder / "library" / "nested" / "deep.py").write_text(
        "def handler(event, context):\n    return __name__\n\n\n"
        "def fail(event):\n    raise LookupError(event)\n"
    )
    (folder / "library" / "nested" / "__init__.py").write_text("from library.nested import deep\n")
    (folder / "syntax_error.py").write_text("def handler(event context):\n")
    (folder / "importing.py").write_text("import not_there\n")
    (folder / "raising.py").write_text(
        "def _start():\n    raise RuntimeError('broken')\n\n\n_start()\n"
    )
    return folder


def function(client, task, handler, **kwargs):
    kwargs = {"timeout_s": 20.0, **kwargs}
    return Function(task=task, handler=handler, runtime_requirements=client, **kwargs)


@contextmanager
def alone(client, task, handler, environ=None):
    """Run the same runtime client against a bare Runtime API, its log in frames as on Lambda."""
    frames = task.parent / "frames"
    environment = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{PYTHON.version}",
        "PYTHONPATH": str(ensure(client, PYTHON, cache_folder())),
        "_LAMBDA_TELEMETRY_LOG_FD": "3",
        "FRAMES": str(frames),
        **(environ or {}),
    }
    shell = ("sh", "-c", 'exec 3>"$FRAMES"; exec "$@"', "sh")
    command = (*shell, str(PYTHON.executable), "-m", "awslambdaric", handler)
    with (
        RuntimeApi() as api,
        FunctionProcess(
            api, task, handler, layer=None, environ=environment, command=command
        ) as process,
    ):
        yield api, process, lambda: _log_alone(process, frames)


def _log_alone(process, frames):
    lines = [*process.stdout.splitlines(), *process.stderr.splitlines()]
    return _comparable([*lines, *_messages(frames.read_bytes())])


def _messages(frames):
    """Yield what was logged: type, length, time and message, 4, 4, 8 and as many bytes."""
    while frames:
        end = 16 + int.from_bytes(frames[4:8], "big")
        yield frames[16:end].decode().removesuffix("\n")
        frames = frames[end:]


def _log_of(sandbox):
    return _comparable([line.text for line in sandbox.logs if line.source == "function"])


def _comparable(records):
    # Standard output, standard error and the frames are three pipes: no order among them.
    return sorted(_same_everywhere(record) for record in records)


def _same_everywhere(text):
    text = PLACE_OF_THE_CLIENT.sub("/var/runtime/", text)
    return ADDRESSES.sub("0x…", TIMES.sub("…", text))


def told_alone(client, task, handler, events, environ=None):
    with alone(client, task, handler, environ) as (api, _, log):
        bodies = [
            api.invoke(event, request_id=f"request-{n}").body.decode()
            for n, event in enumerate(events)
        ]
        return [_same_everywhere(body) for body in bodies], log()


def told_in_the_sandbox(client, task, handler, events, environ=None):
    with Sandbox(function(client, task, handler, environ=environ or {})) as sandbox:
        bodies = [
            sandbox.invoke(
                event if isinstance(event, bytes) else json.dumps(event).encode(),
                request_id=f"request-{n}",
            ).payload.decode()
            for n, event in enumerate(events)
        ]
        return [_same_everywhere(body) for body in bodies], _log_of(sandbox)


class TestTheRuntimeClient:
    """It is the one that the function asks for."""

    def test_is_the_release_that_is_required(self, client, task):
        (task / "version.py").write_text(
            "import importlib.metadata\n\n\n"
            "def handler(event, context):\n"
            "    return importlib.metadata.version('awslambdaric')\n"
        )
        required = re.findall(r"^awslambdaric==(\S+)", client.read_text(), re.MULTILINE)

        with Sandbox(function(client, task, "version.handler")) as sandbox:
            assert [json.loads(sandbox.invoke().payload)] == required

    def test_is_refused_in_one_sentence_if_nothing_says_which(self, task):
        with pytest.raises(SandboxError, match=r"^no requirements of the runtime at '/nowhere'$"):
            Sandbox(function(Path("/nowhere"), task, "app.result"))


class TestAnInvocation:
    """Byte for byte what the runtime posts without the sandbox, and what it logs."""

    @pytest.mark.parametrize("handler", STORIES.values(), ids=STORIES)
    def test_it_reads_the_same(self, client, task, handler):
        events = EVENTS[:1] if handler == "app.large" else EVENTS

        here = told_in_the_sandbox(client, task, handler, events)

        assert here == told_alone(client, task, handler, events)

    def test_it_reads_the_same_when_the_event_is_no_json(self, client, task):
        here = told_in_the_sandbox(client, task, "app.result", (b"{no JSON",))

        assert here == told_alone(client, task, "app.result", (b"{no JSON",))

    @pytest.mark.parametrize("handler", ["app.speaks", "app.raises"])
    def test_it_reads_the_same_with_the_log_in_json(self, client, task, handler):
        environ = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}

        here = told_in_the_sandbox(client, task, handler, EVENTS, environ)

        assert here == told_alone(client, task, handler, EVENTS, environ)


class TestAStartThatFails:
    """The runtime says what is wrong with the customer's module, as always."""

    @pytest.mark.parametrize("handler", FAILING_STARTS.values(), ids=FAILING_STARTS)
    def test_it_reads_the_same(self, client, task, handler):
        with Sandbox(function(client, task, handler)) as sandbox:
            init, log_here = sandbox.init(), _log_of(sandbox)

        with alone(client, task, handler) as (api, process, log):
            posted = api.outcome("init").body
            assert process.wait() == 1
            log_there = log()
        payload = init.error_payload or b"none"
        assert _same_everywhere(payload.decode()) == _same_everywhere(posted.decode())
        assert log_here == log_there


class TestARuntimeThatEnds:
    """It posts nothing: the platform says how it ended, and its log is its own."""

    @pytest.mark.parametrize(("handler", "event", "end"), EXITS.values(), ids=EXITS)
    def test_it_ends_the_same(self, client, task, handler, event, end):
        with Sandbox(function(client, task, handler)) as sandbox:
            outcome = sandbox.invoke(json.dumps(event).encode(), request_id="r-1")
            log_here = _log_of(sandbox)

        with alone(client, task, handler) as (api, process, log):
            api.hand_out(event, request_id="r-1")
            assert _end_of(process.wait()) == end
            log_there = log()
        error = f"with error: {end}" if end else "without providing a reason"
        assert json.loads(outcome.payload) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: r-1 Error: Runtime exited {error}",
        }
        assert log_here == log_there


def _end_of(returncode):
    """Say in the platform's words how a process ended."""
    signals = {-9: "signal: killed", -11: "signal: segmentation fault"}
    return signals.get(returncode, f"exit status {returncode}" if returncode else None)


@pytest.fixture(params=["3.10", "3.11", "3.12", "3.13", "3.14"])
def python(request):
    """Every supported Python of this machine."""
    name = f"python{request.param}"
    beside_ours = Path(sys.base_prefix).parent.glob(f"{request.param}*/bin/{name}")
    for found in (shutil.which(name), *sorted(beside_ours)):
        if found is not None and _is_python(Path(found)):
            return interpreter_of(Path(found))
    return pytest.skip(f"no {name} on this machine")


def _is_python(path):
    try:
        interpreter_of(path)
    except InterpreterError:  # a version manager's stand-in for one that is not installed
        return False
    return True


SIGNALLED = """
import atexit
import os
import signal
import sys

HOW = os.environ["HOW"]


def say(text):
    os.write(1, text.encode() + b"\\n")


def terminated(number, frame):
    say("SIGTERM")
    if HOW == "exit":
        sys.exit(0)
    os._exit(0)


signal.signal(signal.SIGTERM, terminated)
atexit.register(say, "atexit")


def handler(event, context):
    return None
"""


class TestTheEndOfAnIdleRuntime:
    """SIGTERM reaches Python code only where a thread of the client waits for the next event.

    The client looks at ``AWS_EXECUTION_ENV`` to know: from Python 3.12 on. Before, the main
    thread is in C until SIGKILL.
    """

    @pytest.fixture(params=[NEWEST, OF_2024], ids=["newest", "3.0.0"])
    def spun_down(self, request, python, tmp_path):
        """Return what a function logs at the end, when its signal handler ends it so or so."""
        client = _for_python(request.param, python.version)
        task, extensions = tmp_path / "task", tmp_path / "layer" / "extensions"
        task.mkdir()
        extensions.mkdir(parents=True)
        (task / "app.py").write_text(SIGNALLED)
        shutil.copy(EXTENSION, extensions)

        def tell(how, layer=extensions.parent):
            environ = {"HOW": how}
            story = function(
                client,
                task,
                "app.handler",
                layer=layer,
                environ=environ,
                python=python.executable,
            )
            # Not frozen: its main thread is to have gone to sleep before the signal comes.
            with Sandbox(story, freeze=False, init_timeout_s=20) as sandbox:
                sandbox.invoke()
                _wait_asleep(sandbox)
                sandbox.shutdown()
                return _log_of(sandbox)

        return tell

    def test_a_signal_handler_may_end_it(self, spun_down, python):
        heard = ["SIGTERM"] if _minor(python) >= 12 else []

        assert spun_down("_exit") == heard

    def test_sys_exit_waits_for_the_client_s_thread_and_is_killed(self, spun_down, python):
        if _minor(python) == 12:
            # A join in Python takes its thread for ended when it is interrupted, but not in
            # every line of it: Thread._wait_for_tstate_lock, bpo-45274. From 3.13 on it is in C.
            pytest.skip("on Python 3.12 it depends on the moment")
        heard = ["SIGTERM"] if _minor(python) > 12 else []

        assert spun_down("exit") == heard

    def test_without_an_extension_there_is_no_signal(self, spun_down):
        assert spun_down("_exit", layer=None) == []


def _wait_asleep(sandbox):
    """Wait until the runtime has asked next and its main thread has slept for ten looks."""
    runtime, slept = sandbox.runtime_pid, 0
    deadline_at = clock.now() + 20
    while slept < 10:
        assert clock.now() < deadline_at, sandbox.timeline
        asked = [moment.what for moment in sandbox.timeline if moment.who == "runtime"][-1]
        slept = slept + 1 if (asked, proc.state(runtime)) == ("asked next", "S") else 0
        clock.pause()


def _minor(python):
    return int(python.version.partition(".")[2])
