"""What an extension may do in which state, and who may register."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.api import Register
from lambda_sandbox.core.apis.extension import (
    EXTERNAL_FROM,
    INTERNAL_FROM,
    Extension,
    Extensions,
    Input,
    State,
)

ID = "id-1"


def refused(reply):
    """Error type and message of a refusal."""
    body = json.loads(reply.body)
    assert reply.status == 403
    return body["errorType"], body["errorMessage"]


def registered(*names, files=("listener",)):
    """A registry in which ``names`` have registered for INVOKE."""
    extensions = Extensions(files)
    for name in names:
        extensions.register(Register(name, ("INVOKE",)), f"id-{name}")
    return extensions


def managed():
    """The registry of a managed instance, which was launched with one file."""
    return Extensions(("listener",), managed=True)


class TestTheStateMachine:
    """The table, row by row."""

    @pytest.mark.parametrize("external", [True, False])
    @pytest.mark.parametrize("state", State)
    @pytest.mark.parametrize("happened", Input)
    def test_an_input_leads_to_its_state_or_is_refused(self, state, happened, external):
        extension = Extension("listener", external, state, ID)
        table = EXTERNAL_FROM if external else INTERNAL_FROM

        refusal = extension.take(happened)

        if state in table.get(happened, ()):
            assert refusal is None
            assert extension.state is happened.value
        else:
            assert refused(refusal)[0] == "Extension.InvalidExtensionState"
            assert extension.state is state

    @pytest.mark.parametrize(
        ("state", "happened", "allowed"),
        [
            (State.REGISTERED, Input.NEXT, True),
            (State.READY, Input.NEXT, False),
            (State.READY, Input.EVENT, True),
            (State.RUNNING, Input.EVENT, False),
            (State.RUNNING, Input.NEXT, True),
            (State.REGISTERED, Input.INIT_ERROR, True),
            (State.INIT_ERROR, Input.INIT_ERROR, True),
            (State.READY, Input.INIT_ERROR, False),
            (State.READY, Input.EXIT_ERROR, True),
            (State.STARTED, Input.EXIT_ERROR, False),
            (State.STARTED, Input.LAUNCH_FAILED, True),
            (State.EXITED, Input.EXIT, False),
        ],
    )
    def test_it_is_lambdas(self, state, happened, allowed):
        assert (Extension("listener", external=True, state=state).take(happened) is None) is allowed

    def test_a_second_next_is_refused_in_the_platforms_words(self):
        extension = Extension("listener", external=True, state=State.READY, identifier=ID)

        assert refused(extension.take(Input.NEXT)) == (
            "Extension.InvalidExtensionState",
            (
                "State transition from Ready to Ready failed for extension id-1. "
                "Error: State transition is not allowed"
            ),
        )


class TestRegistration:
    """By the base name of the file; any other name is an internal extension's."""

    def test_of_a_launched_file_makes_it_external(self):
        extension = registered().register(Register("listener", ("SHUTDOWN",)), ID)

        assert extension == Extension(
            "listener",
            external=True,
            state=State.REGISTERED,
            identifier=ID,
            events=frozenset({"SHUTDOWN"}),
        )

    def test_of_another_name_makes_it_internal(self):
        assert not registered().register(Register("thread", ("INVOKE",)), ID).external

    @pytest.mark.parametrize(
        ("call", "error_type", "message"),
        [
            (
                Register("listener", ("BOGUS",)),
                "Extension.InvalidEventType",
                "BOGUS: ErrorInvalidEventType",
            ),
            (
                Register("other", ("SHUTDOWN",)),
                "Extension.InvalidEventType",
                "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
            ),
            (
                Register("listener", ()),
                "Extension.InvalidExtensionState",
                (
                    "State transition from Registered to Registered failed for extension listener. "
                    "Error: State transition is not allowed"
                ),
            ),
            (
                Register("thread", ()),
                "Extension.InvalidExtensionState",
                "Extension with this name already registered",
            ),
        ],
    )
    def test_is_refused_in_the_platforms_words(self, call, error_type, message):
        extensions = registered("listener", "thread")

        assert refused(extensions.register(call, ID)) == (error_type, message)

    def test_has_ten_places(self):
        extensions = registered(*(f"thread-{number}" for number in range(9)))

        assert refused(extensions.register(Register("one more", ()), ID)) == (
            "Extension.TooManyExtensions",
            "Extension limit (10) reached",
        )

    def test_ends(self):
        extensions = registered()
        extensions.closed = True

        assert refused(extensions.register(Register("listener", ()), ID)) == (
            "Extension.RegistrationClosed",
            "Extension registration closed already",
        )


class TestOnAManagedInstance:
    """No extension hears of invocations, and one in the runtime's process of nothing."""

    @pytest.mark.parametrize("events", [("SHUTDOWN",), ()])
    def test_a_launched_file_may_register_for_shutdown_or_for_nothing(self, events):
        extension = managed().register(Register("listener", events), ID)

        assert extension == Extension(
            "listener",
            external=True,
            state=State.REGISTERED,
            identifier=ID,
            events=frozenset(events),
        )

    def test_an_internal_one_may_register_for_nothing(self):
        extension = managed().register(Register("thread", ()), ID)

        assert extension == Extension(
            "thread", external=False, state=State.REGISTERED, identifier=ID
        )

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (Register("listener", ("INVOKE",)), "INVOKE: ErrorInvalidEventType"),
            (Register("listener", ("SHUTDOWN", "INVOKE")), "INVOKE: ErrorInvalidEventType"),
            (Register("listener", ("BOGUS",)), "BOGUS: ErrorInvalidEventType"),
            (Register("thread", ("INVOKE",)), "No events allowed for internal extensions"),
            (Register("thread", ("SHUTDOWN",)), "No events allowed for internal extensions"),
            (Register("thread", ("BOGUS",)), "No events allowed for internal extensions"),
        ],
    )
    def test_any_other_event_is_refused(self, call, message):
        assert refused(managed().register(call, ID)) == ("Extension.InvalidEventType", message)

    def test_a_refused_extension_may_try_again(self):
        extensions = managed()
        extensions.register(Register("listener", ("INVOKE",)), ID)

        assert isinstance(extensions.register(Register("listener", ("SHUTDOWN",)), ID), Extension)

    def test_of_several_workers_one_registers(self):
        extensions = managed()
        extensions.register(Register("thread", ()), ID)

        assert refused(extensions.register(Register("thread", ()), "id-2")) == (
            "Extension.InvalidExtensionState",
            "Extension with this name already registered",
        )

    def test_registration_ends_as_elsewhere(self):
        extensions = managed()
        extensions.closed = True

        assert refused(extensions.register(Register("thread", ()), ID)) == (
            "Extension.RegistrationClosed",
            "Extension registration closed already",
        )


class TestTheRegistry:
    """Who is waited for."""

    def test_the_runtime_waits_for_every_file(self):
        assert not registered("one", files=("one", "two")).all_registered
        assert registered("one", "two", files=("one", "two")).all_registered

    def test_initialisation_waits_for_everyone_who_registered(self):
        extensions = registered("listener", "thread")
        of = {extension.name: extension for extension in extensions}

        assert not extensions.all_ready
        of["listener"].take(Input.NEXT)
        assert not extensions.all_ready
        of["thread"].take(Input.NEXT)
        assert extensions.all_ready

    def test_an_extension_is_found_by_its_identifier_and_its_process(self):
        extensions = registered("one", "two", files=("one", "two"))

        assert extensions.identified("id-two") is extensions.of_process("extensions/two")

    def test_only_files_are_external(self):
        extensions = registered("listener", "thread")

        assert list(extensions.external) == [extensions.of_process("extensions/listener")]

    def test_an_unknown_identifier_is_refused(self):
        assert refused(registered().identified("id-0")) == (
            "Extension.UnknownExtensionIdentifier",
            "Unknown extension id-0",
        )

    def test_nobody_is_identified_before_registering(self):
        assert refused(registered().identified(""))[0] == "Extension.UnknownExtensionIdentifier"
