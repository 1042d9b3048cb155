"""Whether an invocation waited for an initialisation, or a restore."""

from __future__ import annotations

import pytest

from collector_ext.core.platform.startup import Initialisation, Startup
from tests.fakes.platform_entries import at_ns, entry, init, records_in, restore, start

GAP_MS = 10_000


def cold_starts(*entries):
    """What each invocation waited for; None for nothing."""
    startup = Startup()
    found = [(record, startup.told(record)) for record in records_in(entries)]
    return [cold_start for record, cold_start in found if record.kind == "start"]


class TestOnDemand:
    """The first invocation waits for the initialisation, if that was begun for it."""

    def test_the_first_invocation_waited(self):
        assert cold_starts(*init(0, 120.5), start("r-1", 121)) == [
            Initialisation(
                is_restore=False,
                initialization_type="on-demand",
                phase="init",
                start_ns=at_ns(0),
                runtime_done_ns=at_ns(118),
                end_ns=at_ns(120.5),
                status="success",
                error_type="",
            )
        ]

    def test_no_other_invocation_did(self):
        assert cold_starts(*init(0, 120), start("r-1", 121), start("r-2", 300))[1:] == [None]

    @pytest.mark.parametrize(("gap_ms", "waited"), [(GAP_MS, True), (GAP_MS + 1, False)])
    def test_what_was_initialised_long_before_was_not_waited_for(self, gap_ms, waited):
        (found,) = cold_starts(*init(0, 100), start("r-1", 100 + gap_ms))

        assert (found is not None) == waited

    def test_a_reset_initialises_anew_within_an_invocation(self):
        again = init(5_000, 5_100, phase="invoke")

        found = cold_starts(*init(0, 100), start("r-1", 101), *again, start("r-2", 5_101))

        assert [(each.phase, each.start_ns) for each in found] == [
            ("init", at_ns(0)),
            ("invoke", at_ns(5_000)),
        ]

    def test_an_initialisation_that_failed_is_told_as_one(self):
        (found,) = cold_starts(*init(0, 100, error_type="Runtime.ExitError"), start("r-1", 101))

        assert (found.status, found.error_type) == ("error", "Runtime.ExitError")


class TestAhead:
    """Environments that are there before anybody asks are nobody's cold start."""

    @pytest.mark.parametrize("kind", ["provisioned-concurrency", "lambda-managed-instances"])
    def test_their_first_invocation_waited_for_nothing(self, kind):
        assert cold_starts(*init(0, 100, initialization_type=kind), start("r-1", 101)) == [None]


class TestSnapStart:
    """The restore is waited for; the snapshot's own initialisation was at its publication."""

    PUBLISHED = init(0, 100, initialization_type="snap-start")

    def test_the_first_invocation_waited_for_the_restore(self):
        (found,) = cold_starts(*self.PUBLISHED, *restore(60_000, 60_020), start("r-1", 60_021))

        assert (found.is_restore, found.initialization_type) == (True, "snap-start")
        assert (found.start_ns, found.end_ns) == (at_ns(60_000), at_ns(60_020))

    def test_nobody_waited_for_the_initialisation(self):
        assert cold_starts(*self.PUBLISHED, start("r-1", 101)) == [None]

    def test_a_clone_may_know_of_its_restore_alone(self):
        (found,) = cold_starts(*restore(0, 20), start("r-1", 21))

        assert found.is_restore


class TestWhatWasNotTold:
    """What is known is taken."""

    def test_the_beginning_follows_from_the_duration(self):
        (found,) = cold_starts(init(0, 100)[-1], start("r-1", 101))

        assert (found.start_ns, found.runtime_done_ns, found.end_ns) == (at_ns(0), 0, at_ns(100))

    def test_no_beginning_is_before_the_epoch(self):
        took = {"initializationType": "on-demand", "metrics": {"durationMs": 9e11}}
        beyond = {**entry("initReport", took, 0), "time": "1970-01-01T00:00:01Z"}
        invoked = {**start("r-1", 0), "time": "1970-01-01T00:00:02Z"}

        (found,) = cold_starts(beyond, invoked)

        assert found.start_ns == 1

    def test_the_duration_follows_from_the_beginning(self):
        ended = entry("initReport", {"initializationType": "on-demand"}, 100)

        (found,) = cold_starts(init(0, 100)[0], ended, start("r-1", 101))

        assert (found.start_ns, found.end_ns) == (at_ns(0), at_ns(100))

    def test_with_neither_it_took_no_time(self):
        ended = entry("initReport", {"initializationType": "on-demand"}, 100)

        (found,) = cold_starts(ended, start("r-1", 101))

        assert (found.start_ns, found.end_ns) == (at_ns(100), at_ns(100))

    def test_without_an_end_there_is_no_cold_start(self):
        assert cold_starts(init(0, 100)[0], start("r-1", 101)) == [None]

    def test_without_a_type_it_is_on_demand(self):
        startup = Startup()

        for record in records_in([entry("initStart", {}, 0)]):
            startup.told(record)

        assert startup.initialization_type == "on-demand"
