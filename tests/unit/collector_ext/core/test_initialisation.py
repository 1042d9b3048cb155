"""Which invocation an initialisation fails with."""

from __future__ import annotations

import pytest

from collector_ext.core.events import InitDone, InitStarted, RuntimeDone
from collector_ext.core.initialisation import FailedInit, Initialisation

BEGAN = InitStarted(is_part_of_invocation=True, at=5.0)
FAILED = RuntimeDone("r-1", "error", "Runtime.ImportModuleError", at=5.25)


def initialisation(*seen, root=b""):
    """One that has seen these events, and was sent this root."""
    found = Initialisation()
    for event in seen:
        found.take(event)
    if root:
        found.hold(root)
    return found


class TestAnInvocationThatItIsPartOf:
    """It fails with it, from the beginning of the one to the end of the other."""

    def test_is_known_by_the_end_that_telemetry_tells(self):
        assert initialisation(BEGAN).failure_of(FAILED) == FailedInit(
            request_id="r-1",
            error_type="Runtime.ImportModuleError",
            started_at=5.0,
            ended_at=5.25,
            is_cold_start=True,
            root=b"",
        )

    def test_a_timeout_has_a_status_and_no_type(self):
        failed = initialisation(BEGAN).failure_of(RuntimeDone("r-1", "timeout", "", at=7.0))

        assert failed is not None
        assert failed.error_type == "timeout"

    def test_what_the_function_told_of_it_is_part_of_it(self):
        failed = initialisation(BEGAN, root=b"root").failure_of(FAILED)

        assert failed is not None
        assert failed.root == b"root"

    def test_it_fails_once(self):
        known = initialisation(BEGAN, root=b"root")
        known.failure_of(FAILED)

        assert known.failure_of(FAILED) is None

    def test_also_if_all_of_it_is_told_again(self):
        known = initialisation(BEGAN, InitDone("error", at=5.2))
        known.failure_of(FAILED)
        known.take(BEGAN)

        assert known.failure_of(FAILED) is None

    def test_the_end_may_be_told_first(self):
        assert initialisation(BEGAN, InitDone("error", at=5.2)).failure_of(FAILED) is not None


class TestAnInvocationThatWaitedForIt:
    """Of those without a second try the first initialisation fails the invocation, too."""

    def test_it_begins_when_it_ends(self):
        failed = initialisation(InitStarted(is_part_of_invocation=False, at=1.0)).failure_of(FAILED)

        assert failed is not None
        assert (failed.started_at, failed.ended_at) == (5.25, 5.25)
        assert not failed.is_cold_start


class TestAnyOtherInvocation:
    """It has a root of its own, or is not of this process."""

    def test_after_an_initialisation_that_succeeded(self):
        assert initialisation(BEGAN, InitDone("success", at=5.2)).failure_of(FAILED) is None

    def test_after_one_whose_report_has_no_status(self):
        assert initialisation(BEGAN, InitDone("", at=5.2)).failure_of(FAILED) is None

    def test_after_a_success_that_is_told_before_its_beginning(self):
        assert initialisation(InitDone("success", at=5.2), BEGAN).failure_of(FAILED) is None

    def test_but_for_a_success_of_an_environment_before(self):
        earlier = InitDone("success", at=4.9)

        assert initialisation(BEGAN, earlier).failure_of(FAILED) is not None
        assert initialisation(earlier, BEGAN).failure_of(FAILED) is not None

    def test_after_an_invocation(self):
        known = initialisation(BEGAN)
        known.invoked()

        assert known.failure_of(FAILED) is None

    def test_after_an_invocation_that_telemetry_is_slower_than(self):
        known = initialisation()
        known.invoked()
        known.take(BEGAN)

        assert known.failure_of(FAILED) is None

    def test_that_ended_before_it_began(self):
        """Its report comes late, to the process after the one that it is about."""
        late = RuntimeDone("r-0", "error", "Runtime.ExitError", at=4.999)
        known = initialisation(BEGAN)

        assert known.failure_of(late) is None
        assert known.failure_of(FAILED) is not None

    def test_without_a_word_of_any(self):
        assert Initialisation().failure_of(FAILED) is None

    @pytest.mark.parametrize("told", [BEGAN, InitDone("success", at=5.2)])
    def test_what_was_told_of_an_earlier_one_is_forgotten(self, told):
        known = initialisation(BEGAN, root=b"earlier")
        for event in (told, InitStarted(is_part_of_invocation=True, at=5.21)):
            known.take(event)

        failed = known.failure_of(FAILED)

        assert failed is not None
        assert failed.root == b""
