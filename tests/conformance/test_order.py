"""Who waits for whom: in initialisation, in an invocation."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import LOOP, REGISTERED, Step, Story, function, layer_of, told, until

WITH_CURL = Path(__file__).parents[1] / "integration" / "sandbox_extensions" / "with_curl"


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Two invocations beside extensions of every kind.

    Of the first, ``busy`` makes the runtime wait, and works on after the response.
    """
    folder = tmp_path_factory.mktemp("order")
    met, meeting, told_to_go_on = (str(folder / name) for name in ("met", "meeting", "go on"))
    internal: list[Step] = [{"do": "register", "events": ["INVOKE"]}, {"do": "go_on"}, LOOP]
    layer = layer_of(
        folder,
        busy=[
            REGISTERED,
            {"do": "next"},
            {"do": "touch", "file": met},
            {"do": "wait_for", "file": meeting},
            {"do": "wait_for", "file": told_to_go_on},
            LOOP,
        ],
        shut_down_only=[{"do": "register", "events": ["SHUTDOWN"]}, LOOP],
        internal=internal,
    )
    shutil.copy(WITH_CURL, layer / "extensions")
    (layer / "extensions" / "folder").mkdir()
    with Sandbox(function(layer)) as sandbox:
        kept: dict[str, Any] = {}
        sandbox.init()
        kept["pids"] = sandbox.extension_pids
        event = told("meet", touch=meeting, wait_for=met)
        kept["first"] = sandbox.invoke(event, request_id="r-1")
        kept["at the response"] = Story(sandbox).order
        caller = threading.Thread(
            target=lambda: kept.update(
                second=sandbox.invoke(told("describe"), request_id="r-2", client_context="{}")
            )
        )
        caller.start()
        until(lambda: Story(sandbox).records("runtimeDone"))
        Path(told_to_go_on).touch()
        caller.join()
        sandbox.wait_frozen()
    told_ = Story(sandbox)
    told_.outcomes |= kept
    return told_


NAMES = ["busy", "shut_down_only", "with_curl"]


def settled(sandbox):
    """Return the order of what happened, all of it: an answer comes after what went before it."""
    api = http.client.HTTPConnection(sandbox.runtime_api, timeout=10)
    api.request("GET", "/2018-06-01/ping")
    api.getresponse().read()
    api.close()
    return Story(sandbox).order


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """Extensions that ask next when they are told to; what had happened until then."""
    folder = tmp_path_factory.mktemp("gate")
    files = {name: folder / name for name in ("external", "internal", "after the invocation")}
    allowed: dict[str, Step] = {
        name: {"do": "wait_for", "file": str(file)} for name, file in files.items()
    }
    layer = layer_of(
        folder,
        external=[{"do": "register", "events": ["SHUTDOWN"]}, allowed["external"], LOOP],
        internal=[
            {"do": "register", "events": ["INVOKE"]},
            {"do": "go_on"},
            allowed["internal"],
            {"do": "next"},
            allowed["after the invocation"],
            LOOP,
        ],
    )
    seen: dict[str, Any] = {}
    with Sandbox(function(layer)) as sandbox:

        def has_asked(who):
            return lambda: ("asked next", who) in Story(sandbox).order

        caller = threading.Thread(target=lambda: seen.update(outcome=sandbox.init()))
        caller.start()
        until(has_asked("runtime"))
        seen["runtime"] = settled(sandbox)
        files["external"].touch()
        until(has_asked("external"))
        seen["external"] = settled(sandbox)
        files["internal"].touch()
        caller.join()
        seen["all"] = settled(sandbox)
        sandbox.invoke(told("answer"))
        until(lambda: Story(sandbox).records("runtimeDone"))
        seen["invocation"] = settled(sandbox)
        files["after the invocation"].touch()
        sandbox.wait_frozen()
        seen["end"] = settled(sandbox)
    return seen


class TestInitialisation:
    """Extensions first, then the runtime; all have to ask next."""

    @pytest.mark.rule("§1.5", "Each file in `extensions` is started, folders are not")
    def test_starts_the_files(self, story):
        assert sorted(story.outcomes["pids"]) == NAMES

    @pytest.mark.rule("§1.5", "The runtime starts when all launched extensions have registered")
    def test_starts_the_runtime_after_all_have_registered(self, story):
        order = story.order

        registered = [order.index(("registered", name)) for name in NAMES]
        assert order.index(("process started", "runtime")) > max(registered)

    @pytest.mark.rule("§1.5", "Internal extensions register while the runtime initialises")
    def test_lets_internal_extensions_register(self, story):
        order = story.order

        registered = order.index(("registered", "internal"))
        assert order.index(("process started", "runtime")) < registered
        assert registered < order.index(("asked next", "runtime"))

    @pytest.mark.rule("§1.5", "Init waits for the next of every external extension")
    def test_waits_for_external_extensions(self, gate):
        assert ("initialised", "environment") not in gate["runtime"]

    @pytest.mark.rule("§1.5", "Init waits for the next of every internal extension")
    def test_waits_for_internal_extensions(self, gate):
        assert ("initialised", "environment") not in gate["external"]

    @pytest.mark.rule("§1.5", "Init ends when the runtime and every extension have asked next")
    def test_ends_when_all_have_asked_next(self, gate):
        assert ("initialised", "environment") in gate["all"]
        assert gate["outcome"].status == "success"

    @pytest.mark.rule("§1.5", "A shell script with curl is an extension like any other")
    def test_takes_any_executable(self, story):
        lines = [line.text for line in story.sandbox.logs if line.name == "with_curl"]

        types = [json.loads(text)["eventType"] for text in lines]
        assert types == ["INVOKE", "INVOKE", "SHUTDOWN"]

    @pytest.mark.rule("§1.5", "An extension that cannot be executed: Extension.LaunchError")
    def test_fails_with_a_file_that_is_not_executable(self, tmp_path):
        layer = layer_of(tmp_path, external=[])
        (layer / "extensions" / "external").chmod(0o644)
        with Sandbox(function(layer)) as sandbox:
            init = sandbox.init()

        story = Story(sandbox)
        assert (init.status, init.error_type) == ("error", "Extension.LaunchError")
        assert story.records("extension") == [
            {
                "name": "external",
                "state": "LaunchError",
                "events": [],
                "errorType": "PermissionDenied",
            }
        ]
        assert ("process started", "runtime") not in story.order


class TestAnInvocation:
    """Reaches all at once, answers at once, and ends when all have asked next."""

    @pytest.mark.rule("§1.5", "Extensions have INVOKE while the runtime has the event, not after")
    def test_reaches_the_extensions_while_the_runtime_works(self, story):
        # The handler and the extension waited for each other.
        assert story.outcomes["first"].payload == b"true"

    @pytest.mark.rule("§0.2", "The caller has the response while an extension is still busy")
    def test_answers_before_the_extensions_are_done(self, story):
        assert story.outcomes["at the response"].count(("asked next", "busy")) == 1
        assert story.outcomes["first"].status == "success"

    @pytest.mark.rule("§0.3", "`platform.runtimeDone` does not wait for the extension's next")
    def test_is_told_to_be_done_while_the_extension_is_busy(self, story):
        order = story.order

        done = order.index(("platform.runtimeDone", "platform"))
        asked = [number for number, entry in enumerate(order) if entry == ("asked next", "busy")]
        assert asked[0] < done < asked[1]

    @pytest.mark.rule("§0.3", "`platform.report` comes after all extensions asked next")
    def test_is_reported_after_all_have_asked_next(self, story):
        order = story.order

        asked = [number for number, entry in enumerate(order) if entry == ("asked next", "busy")]
        assert order.index(("platform.report", "platform")) > asked[1]

    @pytest.mark.rule("§4.2", "The next invocation waits until the extensions are done")
    def test_waits_for_the_one_before(self, story):
        order = story.order

        starts = [number for number, (what, _) in enumerate(order) if what == "platform.start"]
        assert starts[1] > order.index(("platform.report", "platform"))

    @pytest.mark.rule("§1.5", "An extension without INVOKE is not waited for in an invocation")
    def test_leaves_out_who_did_not_subscribe(self, story):
        assert story.order.count(("asked next", "shut_down_only")) == 1
        assert story.received("shut_down_only", "INVOKE") == []

    @pytest.mark.rule("§1.6", "An internal extension gets INVOKE, and no SHUTDOWN")
    def test_reaches_internal_extensions(self, story):
        ids = [what["event"]["requestId"] for what in story.received("internal", "INVOKE")]

        assert ids == ["r-1", "r-2"]
        assert story.received("internal", "SHUTDOWN") == []

    @pytest.mark.rule("§1.6", "An invocation ends when the internal extensions asked next, too")
    def test_waits_for_internal_extensions(self, gate):
        assert ("platform.report", "platform") not in gate["invocation"]
        assert ("platform.report", "platform") in gate["end"]

    @pytest.mark.rule("§4.2", "The deadline of extensions and of the runtime is the same")
    def test_has_one_deadline(self, story):
        of_runtime = json.loads(story.outcomes["second"].payload)["deadline_ms"]

        of_extension = story.received("busy", "INVOKE")[1]["event"]["deadlineMs"]
        assert of_extension == of_runtime
