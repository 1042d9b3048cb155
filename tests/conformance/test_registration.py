"""Extensions API: who may register, when, and as what."""

from __future__ import annotations

import json
import re

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import (
    EXTENSION_API,
    LOOP,
    REGISTERED,
    Step,
    Story,
    call,
    function,
    layer_of,
    told,
)

NAME = {"Lambda-Extension-Name": "external"}
STATE = "State transition from Registered to Registered failed for extension external. "
STATE += "Error: State transition is not allowed"


def register(label: str, headers: dict[str, str], body: str) -> Step:
    """Return the step that registers with these headers and this body."""
    return call(label, "POST", f"{EXTENSION_API}/register", headers, body)


def filler(number: int) -> list[Step]:
    """Return the steps of one more internal extension, which only waits."""
    label = f"filler {number}"
    return [
        {"do": "register", "label": label, "name": f"filler-{number}", "events": []},
        {"do": "leave_next"},
    ]


EXTERNAL = [
    register("no name", {}, "{}"),
    register("empty name", {"Lambda-Extension-Name": ""}, "{}"),
    register("bad JSON", NAME, "{"),
    register("configurationKeys", NAME, '{"events": [], "configurationKeys": []}'),
    register("unknown event", NAME, '{"events": ["BOGUS"]}'),
    register(
        "registered",
        {**NAME, "Lambda-Extension-Accept-Feature": "accountId"},
        '{"events": ["INVOKE", "SHUTDOWN"]}',
    ),
    register("twice", NAME, "{}"),
    LOOP,
]
INTERNAL = [
    {"do": "register", "label": "SHUTDOWN", "events": ["INVOKE", "SHUTDOWN"]},
    *[step for number in range(7) for step in filler(number)],
    {"do": "register", "events": ["INVOKE"]},
    {"do": "register", "label": "used", "events": ["INVOKE"]},
    {"do": "register", "label": "eleventh", "name": "eleventh", "events": ["INVOKE"]},
    {"do": "go_on"},
    {"do": "next"},
    {"do": "register", "label": "late", "name": "late", "events": ["INVOKE"]},
    LOOP,
]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Two external and eight internal extensions."""
    layer = layer_of(
        tmp_path_factory.mktemp("registration"),
        **{"external": EXTERNAL, "with.suffix": [REGISTERED, LOOP], "internal": INTERNAL},
    )
    with Sandbox(function(layer, version="7")) as sandbox:
        told_ = Story(sandbox)
        told_.outcomes["invocation"] = sandbox.invoke(told("answer"))
    return told_


def refusal(label, who, rule, error_type, message):
    """One row of the error table: what is refused, and how."""
    mark = pytest.mark.rule("§1.1", f"Refused with 403 {error_type}: {rule}")
    return pytest.param(who, label, (403, error_type, message), id=label, marks=mark)


INVALID_STATE = "Extension.InvalidExtensionState"
INVALID_EVENT = "Extension.InvalidEventType"

REFUSED = [
    refusal(
        "no name", "external", "no name",
        "Extension.InvalidExtensionName", "Empty extension name",
    ),
    refusal(
        "empty name", "external", "an empty name",
        "Extension.InvalidExtensionName", "Empty extension name",
    ),
    refusal(
        "configurationKeys", "external", "`configurationKeys` in the body",
        "InvalidRequestFormat",
        "configurationKeys are deprecated; use environment variables instead",
    ),
    refusal(
        "unknown event", "external", "an event that there is not",
        INVALID_EVENT, "BOGUS: ErrorInvalidEventType",
    ),
    refusal(
        "SHUTDOWN", "internal", "SHUTDOWN for an internal extension",
        INVALID_EVENT, "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
    ),
    refusal("twice", "external", "an external extension for the second time", INVALID_STATE, STATE),
    refusal(
        "used", "internal", "an internal extension under a name that is used",
        INVALID_STATE, "Extension with this name already registered",
    ),
    refusal(
        "late", "internal", "anyone after the runtime's first next",
        "Extension.RegistrationClosed", "Extension registration closed already",
    ),
    refusal(
        "eleventh", "internal", "the eleventh, internal and external together",
        "Extension.TooManyExtensions", "Extension limit (10) reached",
    ),
]  # fmt: skip
"""On demand; what Managed Instances refuse besides is a table of its own."""


class TestRegistering:
    """Answered with what the extension cannot know otherwise."""

    @pytest.mark.rule("§1.1", "A registration is answered 200 with a UUID as identifier")
    def test_gives_an_identifier(self, story):
        answer = story.answer("external", "registered")

        assert answer.status == 200
        uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        assert re.fullmatch(uuid, answer.headers["Lambda-Extension-Identifier"])

    @pytest.mark.rule("§1.1", "The answer names function, version and handler")
    def test_tells_about_the_function(self, story):
        assert story.answer("with.suffix", "registered").body == {
            "functionName": "story",
            "functionVersion": "7",
            "handler": "app.handler",
        }

    @pytest.mark.rule("§1.1", "The account id is told to those who accept the feature `accountId`")
    def test_tells_the_account_to_whom_accepts_it(self, story):
        assert story.answer("external", "registered").body == {
            "functionName": "story",
            "functionVersion": "7",
            "handler": "app.handler",
            "accountId": "123456789012",
        }

    @pytest.mark.rule("§1.1", "An external extension is known by its file's whole base name")
    def test_under_the_files_name_is_the_external_extensions(self, story):
        assert ("registered", "with.suffix") in story.order
        assert story.received("with.suffix", "SHUTDOWN")

    @pytest.mark.rule("§1.1", "A name that is not a launched file's is an internal extension")
    def test_under_another_name_is_an_internal_extensions(self, story):
        assert story.answer("internal", "registered").status == 200
        assert (
            story.answer("internal", "SHUTDOWN")
            .body["errorMessage"]
            .endswith("NotSupportedForInternalExtension")
        )

    @pytest.mark.rule("§1.1", "An extension may register for no event at all")
    def test_for_no_event_is_allowed(self, story):
        assert story.answer("internal", "filler 0").status == 200

    @pytest.mark.rule("§1.1", "Ten extensions may register")
    def test_is_open_to_ten(self, story):
        ready = [record for record in story.records("extension") if record["state"] == "Ready"]

        assert len(ready) == 10
        assert story.outcomes["invocation"].status == "success"


class TestARefusedRegistration:
    """Has Lambda's status, type and message, and changes nothing."""

    @pytest.mark.parametrize(("who", "label", "error"), REFUSED)
    def test_says_why(self, story, who, label, error):
        assert story.answer(who, label).error == error

    @pytest.mark.rule("§1.1", "Refused with 403 InvalidRequestFormat: a body that is not JSON")
    def test_says_where_the_json_is_wrong(self, story):
        status, error_type, message = story.answer("external", "bad JSON").error

        assert (status, error_type) == (403, "InvalidRequestFormat")
        assert message

    @pytest.mark.rule("§1.1", "Every refusal is JSON with `errorMessage` and `errorType`")
    def test_is_json(self, story):
        answer = story.answer("external", "unknown event")

        assert answer.headers["Content-Type"] == "application/json"
        assert set(json.loads(answer.text)) == {"errorMessage", "errorType"}

    @pytest.mark.rule("§1.1", "After a refused registration the extension may register")
    def test_may_be_made_good(self, story):
        labels = [what["label"] for what in story.said("external") if "label" in what]

        assert labels.index("registered") > labels.index("unknown event")
        assert story.answer("external", "registered").status == 200


class TestExtensionsThatAreDisabled:
    """By a file that AWS's support may ask for."""

    @pytest.mark.rule(
        "§1.1", "With the file `disable-extensions-jwigqn8j` in the layer, there is no such API"
    )
    def test_are_not_served(self, tmp_path):
        plan: list[Step] = [{"do": "register", "events": []}, {"do": "leave_next"}]
        layer = layer_of(tmp_path, internal=plan)
        (layer / "disable-extensions-jwigqn8j").touch()
        with Sandbox(function(layer)) as sandbox:
            story = Story(sandbox)
            sandbox.init()

        assert story.answer("internal", "registered").status == 404
