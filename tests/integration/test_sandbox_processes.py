"""What becomes of the processes: frozen and thawed, told to end, and never left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from lambda_sandbox.edge.guard import Guard
from lambda_sandbox.edge.launch import Program
from lambda_sandbox.edge.limits import Limits
from lambda_sandbox.edge.loop import Loop
from lambda_sandbox.edge.processes import Processes
from lambda_sandbox.edge.worker_logs import WorkerLogs
from lambda_sandbox.sandbox import Function, Sandbox, SandboxError
from tests.fakes.sandbox_stories import TASK, function, said, told

ROOT = Path(__file__).parents[2]


def stat(pid):
    """The state letter of a process, and the clock ticks it has used; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[11]) + int(fields[12])


def until(holds, timeout_s=5.0):
    """Wait until something holds."""
    deadline_at = monotonic() + timeout_s
    pause = threading.Event()
    while not holds():
        assert monotonic() < deadline_at
        pause.wait(0.005)


def gone(pid):
    state = stat(pid)
    return state is None or state[0] == "Z"


def descriptors():
    """The open files of this process, by number."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def after(sandbox, what, who):
    """When it happened last, in seconds after the shutdown began."""
    moments = sandbox.timeline
    begun = [moment.at_s for moment in moments if moment.what.startswith("shutdown")][-1]
    return [moment.at_s for moment in moments if moment[1:3] == (what, who)][-1] - begun


@pytest.fixture
def task(tmp_path):
    """Make the folder of a function whose ``app.py`` this is."""

    def task(code):
        folder = tmp_path / "task"
        folder.mkdir()
        (folder / "app.py").write_text(code)
        return folder

    return task


class TestTheFreeze:
    """Between invocations nobody uses the CPU."""

    def test_stops_every_process_wherever_it_went(self, layer_of):
        with Sandbox(function(layer=layer_of("minimal"))) as sandbox:
            children = json.loads(sandbox.invoke(told("spin")).payload)
            sandbox.wait_frozen()
            pids = [sandbox.runtime_pid, *sandbox.extension_pids.values(), *children]
            before = [stat(pid) for pid in pids]
            threading.Event().wait(0.05)

            assert [state for state, _ in before] == ["T"] * 4
            assert [stat(pid) for pid in pids] == before

        assert all(gone(pid) for pid in pids)

    def test_ends_with_the_next_invocation(self, tmp_path):
        with Sandbox(function(timeout_s=30)) as sandbox:
            _, child = json.loads(sandbox.invoke(told("spin")).payload)
            sandbox.wait_frozen()
            _, before = stat(child)
            go = tmp_path / "go"
            event = told("wait_for", file=str(go))
            caller = threading.Thread(target=sandbox.invoke, args=(event,))

            caller.start()

            until(lambda: stat(child)[1] > before)
            go.touch()
            caller.join()

    def test_is_not_waited_for_where_nothing_runs(self):
        with Sandbox(function()) as sandbox:
            sandbox.wait_frozen(0)
            sandbox.init()
            sandbox.recycle()
            sandbox.wait_frozen(0)

            assert sandbox.runtime_pid is None

    def test_comes_after_initialisation_too(self, layer_of):
        with Sandbox(function(layer=layer_of("minimal"))) as sandbox:
            sandbox.init()
            sandbox.wait_frozen()

            assert stat(sandbox.runtime_pid)[0] == "T"

    def test_stops_a_child_that_has_neither_our_session_nor_our_variables(self, task):
        folder = task(
            "import subprocess\n"
            "def handler(event, context):\n"
            "    child = ['sleep', '600']\n"
            "    return subprocess.Popen(child, env={}, start_new_session=True).pid\n"
        )
        # Without a limit of the memory there is no control group that would hold it.
        with Sandbox(Function(folder, "app.handler"), enforce_memory=False) as sandbox:
            child = int(sandbox.invoke().payload)
            sandbox.wait_frozen()
            frozen = stat(child)[0]

        assert frozen == "T"
        until(lambda: gone(child))

    def test_does_not_come_while_an_extension_works(self, layer_of):
        environ = {"HANG_IN": "INVOKE"}
        function_ = function(layer=layer_of("minimal"), environ=environ, timeout_s=30)
        sandbox = Sandbox(function_)
        sandbox.invoke(told("succeed"))

        with pytest.raises(TimeoutError, match="responded"):
            sandbox.wait_frozen(timeout_s=0.2)
        sandbox.close()


class TestALongFreeze:
    """Costs the connections with the outside; those within the environment outlast it."""

    def test_cuts_what_the_function_holds_and_leaves_the_platforms_apis(self, layer_of):
        with (
            socket.create_server(("127.0.0.1", 0)) as outside,
            Sandbox(function(layer=layer_of("minimal"))) as sandbox,
        ):
            port = outside.getsockname()[1]
            before = sandbox.invoke(told("talk", port=port))
            sandbox.wait_frozen()
            count = sandbox.cut_idle_connections()
            after_ = sandbox.invoke(told("talk", port=port))
            sandbox.shutdown()

        assert (before.payload, count) == (b'"is new"', 1)
        assert (after_.payload, after_.status) == (b'"was cut"', "success")
        events = [json.loads(line)["eventType"] for line in said(sandbox, "minimal")[2:]]
        assert events == ["INVOKE", "INVOKE", "SHUTDOWN"]

    def test_cuts_nothing_where_there_is_nothing_to_cut(self):
        with Sandbox(function()) as sandbox:
            sandbox.invoke(told("succeed"))
            sandbox.wait_frozen()

            assert sandbox.cut_idle_connections() == 0


class TestTheShutdown:
    """SIGTERM, SHUTDOWN, SIGKILL, each in its time."""

    def test_of_a_function_alone_takes_no_time(self):
        with Sandbox(function()) as sandbox:
            sandbox.invoke(told("succeed"))
            sandbox.shutdown()

        assert after(sandbox, "process exited", "runtime") < 0.5

    def test_ends_the_runtime_before_extensions_are_told(self, layer_of):
        with Sandbox(function(layer=layer_of("minimal"))) as sandbox:
            sandbox.invoke(told("succeed"))
            sandbox.shutdown("failure")

        event = json.loads(said(sandbox, "minimal")[-1])
        assert (event["eventType"], event["shutdownReason"]) == ("SHUTDOWN", "failure")
        order = [(what, who) for _, what, who, *_ in sandbox.timeline]
        assert order[-3:] == [
            ("process exited", "runtime"),
            ("told to shut down", "minimal"),
            ("process exited", "minimal"),
        ]

    def test_tells_the_runtime_to_end_before_it_is_killed(self, layer_of):
        layer = layer_of("minimal")
        wrapper = layer / "wrapper"
        wrapper.write_text("#!/bin/sh\ntrap 'echo told to end; exit' TERM\n\"$@\" &\nwait; wait\n")
        wrapper.chmod(0o755)
        environ = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}
        with Sandbox(function(layer=layer, environ=environ)) as sandbox:
            sandbox.invoke(told("succeed"))
            sandbox.shutdown()

        assert said(sandbox, "story")[-1] == "told to end"

    def test_kills_an_extension_that_did_not_subscribe(self, layer_of):
        environ = {"EVENTS": "INVOKE"}
        with Sandbox(function(layer=layer_of("minimal"), environ=environ)) as sandbox:
            sandbox.invoke(told("succeed"))
            sandbox.shutdown()

        assert after(sandbox, "process exited", "minimal") < 1.5
        assert "SHUTDOWN" not in " ".join(said(sandbox, "minimal")[2:])

    def test_kills_an_extension_that_does_not_end_after_two_seconds(self, layer_of):
        environ = {"HANG_IN": "SHUTDOWN"}
        with Sandbox(function(layer=layer_of("minimal"), environ=environ)) as sandbox:
            sandbox.invoke(told("succeed"))
            sandbox.shutdown()

        assert after(sandbox, "process exited", "minimal") >= 2.0


class TestWhatIsLeft:
    """Nothing: no process, no thread, no folder, no port."""

    def leftovers(self, address):
        mark = f"AWS_LAMBDA_RUNTIME_API={address}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    environ = (folder / "environ").read_bytes()
                except OSError:
                    continue
                if mark in environ.split(b"\0"):
                    found.append(folder.name)
        return found

    def test_of_a_daemon_in_a_session_of_its_own(self):
        with Sandbox(function()) as sandbox:
            daemon = int(sandbox.invoke(told("scatter")).payload)
            sandbox.wait_frozen()

            assert stat(daemon)[0] == "T"

        until(lambda: gone(daemon))

    def test_after_a_reset_of_what_was_there_before(self):
        with Sandbox(function()) as sandbox:
            daemon = int(sandbox.invoke(told("scatter")).payload)
            sandbox.invoke(told("exit_", status=1))
            sandbox.invoke(told("succeed"))

            until(lambda: gone(daemon))

    def test_of_a_story_that_failed(self, layer_of):
        class StoryError(Exception):
            pass

        threads = threading.active_count()
        with pytest.raises(StoryError):  # noqa: PT012, SIM117  # the block is the story
            with Sandbox(function(layer=layer_of("minimal"))) as sandbox:
                sandbox.invoke(told("spin"))
                raise StoryError

        assert self.leftovers(sandbox.runtime_api) == []
        assert threading.active_count() == threads
        assert not sandbox._assembly._workspace.root.exists()

    def test_of_a_sandbox_that_is_closed_twice(self):
        with Sandbox(function()) as sandbox:
            sandbox.init()
            sandbox.close()
            sandbox.close()

        assert self.leftovers(sandbox.runtime_api) == []

    def test_of_a_sandbox_that_was_killed(self, layer_of):
        story = (
            "import os, sys\n"
            "from pathlib import Path\n"
            "from lambda_sandbox.sandbox import Function, Sandbox\n"
            "layer, task = map(Path, sys.argv[1:])\n"
            "sandbox = Sandbox(Function(task=task, handler='app.succeed', layer=layer))\n"
            "sandbox.invoke()\n"
            "sandbox.wait_frozen()\n"
            "pids = [sandbox.runtime_pid, *sandbox.extension_pids.values()]\n"
            "print(*pids, sandbox._assembly._workspace.root, flush=True)\n"
            "os.kill(os.getpid(), 9)\n"
        )

        told_ = subprocess.run(
            [sys.executable, "-c", story, layer_of("minimal"), TASK],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=False,
            text=True,
        )

        assert told_.returncode == -signal.SIGKILL
        *pids, folder = told_.stdout.split()
        until(lambda: all(gone(pid) for pid in pids))
        until(lambda: not Path(folder).exists())

    def test_of_a_sandbox_that_was_killed_and_had_no_control_groups(self):
        story = (
            "import os, sys\n"
            "from pathlib import Path\n"
            "from lambda_sandbox.sandbox import Function, Sandbox\n"
            "function = Function(task=Path(sys.argv[1]), handler='app.scatter')\n"
            "sandbox = Sandbox(function, enforce_memory=False)\n"
            "print(sandbox.invoke().payload.decode(), flush=True)\n"
            "sandbox.wait_frozen()\n"
            "os.kill(os.getpid(), 9)\n"
        )

        argv = [sys.executable, "-c", story, str(TASK)]
        told_ = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, check=False, text=True)

        assert told_.returncode == -signal.SIGKILL
        until(lambda: gone(int(told_.stdout)))

    def test_though_something_fails_on_the_way(self, tmp_path):
        class BrokenLogs(WorkerLogs):
            def hear(self):
                message = "cannot hear"
                raise OSError(message)

            def close(self):
                with suppress(OSError):
                    super().close()
                self._loop.forget(self._socket)
                self._socket.close()
                message = "cannot close"
                raise OSError(message)

        folder = tmp_path / "sandbox"
        folder.mkdir()
        before = descriptors()
        loop, guard = Loop(), Guard(folder)
        program = Program(["/bin/sleep", "600"], {}, folder)
        processes = Processes(
            loop,
            {"runtime": program, "extensions/other": program},
            mark=f"127.0.0.1:{os.getpid()}",
            guard=guard,
            limits=Limits(memory_bytes=None, cpu_share=None),
            worker_logs=BrokenLogs(loop, folder / "workers"),
        )
        processes.start("runtime")
        processes.start("extensions/other")
        pids = [processes.pid("runtime"), processes.pid("extensions/other")]

        with pytest.raises(OSError, match="cannot close"):
            processes.close()
        loop.close()

        assert [stat(pid) for pid in pids] == [None, None]
        assert descriptors() == before


class TestTwoAtOnce:
    """Neither knows of the other."""

    def test_work_side_by_side(self, layer_of):
        layer = layer_of("minimal")
        with Sandbox(function(layer=layer)) as one, Sandbox(function(layer=layer)) as other:
            first, second = one.invoke(told("succeed")), other.invoke(told("succeed"))
            one.wait_frozen()
            one.shutdown()
            third = other.invoke(told("succeed"))

        assert [outcome.status for outcome in (first, second, third)] == ["success"] * 3
        assert one.runtime_api != other.runtime_api


class TestTheProcessEnvironment:
    """What the function and the extensions find."""

    def describe(self, **kwargs):
        with Sandbox(function("describe", **kwargs), init_timeout_s=10) as sandbox:
            outcome = sandbox.invoke(b"{}", client_context='{"custom": {"a": "b"}}')
            return json.loads(outcome.payload), sandbox

    def test_nothing_of_the_host_gets_in(self, monkeypatch):
        monkeypatch.setenv("HOST_SECRET", "1")

        facts, _ = self.describe(environ={"COLOR": "red"})

        assert "HOST_SECRET" not in facts["variables"]
        assert facts["variables"]["COLOR"] == "red"
        assert facts["cwd"] == str(TASK)

    def test_python3_is_the_functions_interpreter(self):
        facts, _ = self.describe()

        python3 = Path(facts["variables"]["PATH"].split(":")[0]) / "python3"
        assert python3.parent == Path(facts["executable"]).parent

    def test_the_context_is_complete(self):
        facts, _ = self.describe(version="7", timeout_s=30)

        assert 0 < facts["remaining_ms"] <= 30_000
        assert facts["arn"].endswith(":function:story:7")
        assert facts["client"] == {"a": "b"}

    def test_extensions_do_not_see_what_lambda_hides(self, layer_of):
        _, sandbox = self.describe(layer=layer_of("minimal"))

        variables = said(sandbox, "minimal")[1].split()
        assert "AWS_LAMBDA_RUNTIME_API" in variables
        assert not {"_HANDLER", "LAMBDA_TASK_ROOT", "AWS_EXECUTION_ENV"} & set(variables)

    def test_the_path_is_the_managed_runtimes(self, layer_of):
        layer = layer_of()
        facts, _ = self.describe(layer=layer)

        version = facts["variables"]["AWS_EXECUTION_ENV"].removeprefix("AWS_Lambda_")
        assert facts["path"][:4] == [
            str(TASK),
            f"{layer}/python/lib/{version}/site-packages",
            f"{layer}/python",
            facts["variables"]["LAMBDA_RUNTIME_DIR"],
        ]
        assert not [entry for entry in facts["path"][4:-2] if entry.endswith("-packages")]
        assert facts["variables"]["PYTHONPATH"] == facts["variables"]["LAMBDA_RUNTIME_DIR"]

    def test_a_pth_file_of_the_layer_is_obeyed(self, layer_of):
        layer = layer_of()
        (layer / "python").mkdir()
        (layer / "python" / "hook.pth").write_text("import os; os.environ['HOOKED'] = '1'\n")

        facts, _ = self.describe(layer=layer)

        assert facts["variables"]["HOOKED"] == "1"

    def test_with_pythonpath_set_the_layer_is_not_on_the_path(self, layer_of):
        layer = layer_of()
        (layer / "python").mkdir()
        (layer / "python" / "hook.pth").write_text("import os; os.environ['HOOKED'] = '1'\n")

        facts, _ = self.describe(layer=layer, environ={"PYTHONPATH": "/elsewhere"})

        assert facts["path"][0] == str(TASK)
        assert "/elsewhere" in facts["path"]
        assert str(layer / "python") not in facts["path"]
        assert "HOOKED" not in facts["variables"]
        assert facts["variables"]["PYTHONPATH"] == "/elsewhere"

    def test_the_trace_header_is_there_and_new_unless_one_is_given(self):
        with Sandbox(function("describe")) as sandbox:
            seen = [
                json.loads(sandbox.invoke(trace_header=header).payload)["variables"]
                for header in (None, None, "Root=1-a;Parent=b;Sampled=1", "")
            ]

        one, two, given, none = [variables.get("_X_AMZN_TRACE_ID") for variables in seen]
        assert one != two
        assert one.startswith("Root=1-")
        assert "Sampled=0" in one
        assert (given, none) == ("Root=1-a;Parent=b;Sampled=1", None)

    @pytest.mark.parametrize("name", ["AWS_REGION", "_HANDLER"])
    def test_a_function_cannot_set_what_is_lambdas(self, name):
        with pytest.raises(SandboxError, match=name):
            Sandbox(function(environ={name: "mine"}))


class TestTheLog:
    """Of the function: lines of what it prints, records of what it logs."""

    def test_has_a_record_whole_that_has_several_lines(self):
        with Sandbox(function()) as sandbox:
            sandbox.invoke(told("log"), request_id="r-1")
            sandbox.wait_frozen()

        own = [line.text for line in sandbox.logs if line.source == "function"]
        logged = [text.split("\t")[-1] for text in own if text.startswith("[")]
        assert logged == ["one\ntwo", "last"]
        assert sorted(set(own) - {text for text in own if text.startswith("[")}) == [
            "printed",
            "to stderr",
        ]

    def test_has_the_error_of_the_handler_as_one_record(self):
        with Sandbox(function("fail")) as sandbox:
            sandbox.invoke()

        record = said(sandbox, "story")[-1]
        assert record.startswith("[ERROR] ValueError: no\nTraceback (most recent call last):\n")

    def test_has_the_error_of_the_initialisation_as_one_record(self):
        with Sandbox(Function(task=TASK, handler="nowhere.handler", name="story")) as sandbox:
            sandbox.init()

        assert "\nTraceback (most recent call last):" in said(sandbox, "story")[-1]

    def test_tells_what_is_between_and_after_the_last_whole_record(self):
        with Sandbox(function()) as sandbox:
            sandbox.invoke(told("tear"))

        assert said(sandbox, "story") == ["garbage", "half"]

    def test_has_its_descriptor_where_the_runtime_client_looks_for_it(self):
        with Sandbox(function("describe")) as sandbox:
            facts = json.loads(sandbox.invoke().payload)

        # The runtime client takes the variable away.
        assert "_LAMBDA_TELEMETRY_LOG_FD" not in facts["variables"]

    def test_leaves_no_descriptor_behind(self, layer_of):
        before = descriptors()
        with Sandbox(function(layer=layer_of("minimal"))) as sandbox:
            sandbox.invoke(told("exit_", status=1))
            sandbox.invoke(told("succeed"))
        with Sandbox(function(environ={"AWS_LAMBDA_EXEC_WRAPPER": "/nowhere"})) as sandbox:
            sandbox.init()

        assert descriptors() == before
