"""An initialisation that fails, and the one that the next invocation makes up for it."""

from __future__ import annotations

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import LOOP, REGISTERED, Step, Story, function, layer_of

WITNESS: list[Step] = [REGISTERED, LOOP]


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """The first takes longer than it may; the second, too, but has the function's timeout."""
    marker = tmp_path_factory.mktemp("slow") / "marker"
    environ = {"MARKER": str(marker), "SECOND_TAKES_S": "0.6"}
    slow = function(handler="slow_once.handler", environ=environ)
    with Sandbox(slow, init_timeout_s=0.5) as sandbox:
        init, outcome = sandbox.init(), sandbox.invoke(request_id="r-1")
    story = Story(sandbox)
    story.outcomes |= {"init": init, "outcome": outcome}
    return story


class TestAnInitialisationThatFails:
    """Is repeated by the invocation that needs it."""

    @pytest.mark.rule("§4.1", "Init has a limit of its own; beyond it: timeout")
    def test_has_a_limit(self, slow):
        assert slow.outcomes["init"].status == "timeout"

    @pytest.mark.rule("§4.1", "A failed init is told as INIT_REPORT with phase and status")
    def test_has_its_line(self, slow):
        lines = [line.text for line in slow.sandbox.logs if line.text.startswith("INIT_REPORT ")]

        (line,) = lines
        assert line.split("\t")[1:] == ["Phase: init", "Status: timeout"]
        assert line.startswith("INIT_REPORT Init Duration: ")

    @pytest.mark.rule("§4.1", "A suppressed init may take longer than the limit of the first")
    def test_is_repeated_under_the_functions_timeout(self, slow):
        assert slow.outcomes["outcome"].payload == b'"initialised"'
        assert slow.records("initReport")[1]["metrics"]["durationMs"] >= 600

    @pytest.mark.rule("§4.1", "A suppressed init counts into the duration of its invocation")
    def test_is_part_of_the_invocation(self, slow):
        (report,) = slow.records("report")

        assert report["metrics"]["durationMs"] >= 600
        assert "initDurationMs" not in report["metrics"]

    @pytest.mark.rule("§4.1", "initReport of the failed init and of the next: phases init, invoke")
    def test_has_its_phase(self, slow):
        reports = [(record["phase"], record["status"]) for record in slow.records("initReport")]

        assert reports == [("init", "timeout"), ("invoke", "success")]

    @pytest.mark.rule("§4.1", "A suppressed init that exceeds the function's timeout ends with it")
    def test_ends_with_the_functions_timeout(self, tmp_path):
        environ = {"MARKER": str(tmp_path / "marker"), "SECOND_TAKES_S": "600"}
        slow = function(handler="slow_once.handler", environ=environ, timeout_s=0.5)
        with Sandbox(slow, init_timeout_s=0.5) as sandbox:
            sandbox.init()
            outcome = sandbox.invoke()

        assert outcome.status == "timeout"

    @pytest.mark.rule("§4.1", "An init error is told by its type, and init repeated at the invoke")
    def test_because_of_the_function_is_repeated(self, tmp_path):
        environ = {"MARKER": str(tmp_path / "marker")}
        with Sandbox(function(handler="broken_once.handler", environ=environ)) as sandbox:
            init, outcome = sandbox.init(), sandbox.invoke()

        assert (init.status, init.error_type) == ("error", "Runtime.ImportModuleError")
        assert outcome.payload == b'"initialised"'
        assert Story(sandbox).status_of("initRuntimeDone") == (
            "error",
            "Runtime.ImportModuleError",
        )

    @pytest.mark.rule("§8", "With an extension beside it, a failed init is repeated all the same")
    def test_is_repeated_with_its_extensions(self, tmp_path):
        environ = {"MARKER": str(tmp_path / "marker")}
        layer = layer_of(tmp_path, witness=WITNESS)
        broken = function(layer, handler="broken_once.handler", environ=environ)
        with Sandbox(broken) as sandbox:
            init, outcome = sandbox.init(), sandbox.invoke()

        assert (init.status, outcome.payload) == ("error", b'"initialised"')
        assert Story(sandbox).reasons("witness") == ["failure", "spindown"]
