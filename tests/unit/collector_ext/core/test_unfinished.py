"""Provisional roots and snapshots, and what becomes of them."""

from __future__ import annotations

import pytest

from collector_ext.core import unfinished as module
from collector_ext.core.unfinished import INVOCATION_COUNT_MAX, NO_END, Unfinished
from tests.fakes.trace_requests import export_request, span_id, spans_in

NOW = 9.0  # s; spans of the fake start at 1.0 s
ROOT, CHILD, OTHER, NEXT_ROOT = (span_id(number) for number in range(1, 5))
STARTED = export_request(("root", ROOT), is_open=True)
FINAL = export_request(("root", ROOT))
CALL = export_request(("child", CHILD), parent=ROOT)
OPEN_CALLS = export_request(("child", CHILD), ("other", OTHER), parent=ROOT, is_open=True)
UNWALKABLE = b"\x0a\x04\x12\x02\x12\x08"


def unfinished_after(*messages):
    """What is held after (phase, body) messages of one invocation."""
    unfinished = Unfinished()
    for phase, body in messages:
        send(unfinished, phase, body)
    return unfinished


def send(unfinished, phase, body):
    """One message of the invocation."""
    if phase == "receive":
        return unfinished.receive("r-1", body)
    return getattr(unfinished, phase)("r-1", body, now=NOW)


def given_up(unfinished):
    """The spans that come of giving the invocation up, by name."""
    payloads = unfinished.give_up("r-1", "timeout", NOW)
    return {span.name: span for payload in payloads for span in spans_in(payload.body)}


class TestAnInvocationThatEnds:
    """Its final root takes the place of the provisional one."""

    def test_the_final_root_is_exported(self):
        unfinished = unfinished_after(("start", STARTED))

        assert send(unfinished, "receive", FINAL) == FINAL

    def test_nothing_is_left_to_give_up(self):
        unfinished = unfinished_after(
            ("start", STARTED), ("snapshot", OPEN_CALLS), ("receive", FINAL)
        )

        assert given_up(unfinished) == {}

    def test_other_spans_do_not_end_it(self):
        unfinished = unfinished_after(("start", STARTED), ("receive", CALL))

        assert set(given_up(unfinished)) == {"root"}

    def test_a_final_root_that_is_sent_twice_is_exported_once(self):
        unfinished = unfinished_after(("start", STARTED), ("receive", FINAL))

        assert send(unfinished, "receive", FINAL + CALL) == CALL
        assert unfinished.late_count == 1

    def test_a_provisional_root_that_comes_after_it_is_not_held(self):
        unfinished = unfinished_after(("start", STARTED), ("receive", FINAL), ("start", STARTED))

        assert given_up(unfinished) == {}

    def test_spans_of_an_invocation_that_was_not_announced_pass(self):
        assert Unfinished().receive("r-9", FINAL) == FINAL


class TestAnInvocationThatDoesNot:
    """What is held is ended as an error, once."""

    def test_its_root_says_what_happened_and_when(self):
        root = given_up(unfinished_after(("start", STARTED)))["root"]

        assert (root.status.code, root.status.message) == (2, "timeout")
        assert root.end_time_unix_nano == 9_000_000_000

    def test_it_is_given_up_once(self):
        unfinished = unfinished_after(("start", STARTED))
        given_up(unfinished)

        assert given_up(unfinished) == {}

    def test_a_final_root_that_comes_later_is_dropped_and_counted(self):
        unfinished = unfinished_after(("start", STARTED))
        given_up(unfinished)

        assert send(unfinished, "receive", FINAL + CALL) == CALL
        assert unfinished.late_count == 1

    def test_one_that_is_not_known_has_nothing(self):
        assert Unfinished().give_up("r-9", "timeout", NOW) == []

    def test_all_may_be_given_up_but_one(self):
        unfinished = unfinished_after(("start", STARTED))
        unfinished.start("r-2", export_request(("next", NEXT_ROOT), is_open=True), now=NOW)

        (payload,) = unfinished.give_up_all(NO_END, NOW, but="r-2")

        assert [span.name for span in spans_in(payload.body)] == ["root"]


class TestASnapshot:
    """What was still open becomes the trace of an invocation that did not end."""

    def test_it_is_given_up_with_the_root(self):
        spans = given_up(unfinished_after(("start", STARTED), ("snapshot", OPEN_CALLS)))

        assert {name: span.status.message for name, span in spans.items()} == {
            "root": "timeout",
            "child": "timeout",
            "other": "timeout",
        }

    def test_a_newer_one_takes_its_place(self):
        newer = export_request(("other", OTHER), is_open=True)

        spans = given_up(unfinished_after(("snapshot", OPEN_CALLS), ("snapshot", newer)))

        assert set(spans) == {"other"}

    def test_what_its_root_has_come_to_since_counts(self):
        later = export_request(("root with an exception", ROOT), is_open=True)
        unfinished = unfinished_after(("start", STARTED), ("snapshot", STARTED + OPEN_CALLS))

        unfinished.start("r-1", later, now=NOW)

        assert set(given_up(unfinished)) == {"root with an exception", "child", "other"}

    def test_its_root_is_not_another_one_if_its_beginning_comes_later(self):
        unfinished = unfinished_after(("snapshot", STARTED + OPEN_CALLS))

        assert send(unfinished, "start", STARTED) == []
        assert set(given_up(unfinished)) == {"root", "child", "other"}

    def test_a_span_that_arrives_ended_is_dropped_from_it(self):
        unfinished = unfinished_after(("snapshot", OPEN_CALLS), ("receive", CALL))

        assert set(given_up(unfinished)) == {"other"}

    def test_also_if_it_ended_before_the_first_one_came(self):
        unfinished = unfinished_after(("start", STARTED), ("receive", CALL))

        send(unfinished, "snapshot", OPEN_CALLS)

        assert set(given_up(unfinished)) == {"root", "other"}

    def test_one_that_comes_after_the_root_has_ended_is_passed_over(self):
        unfinished = unfinished_after(("start", STARTED), ("receive", CALL), ("receive", FINAL))

        send(unfinished, "snapshot", OPEN_CALLS)

        assert given_up(unfinished) == {}

    def test_one_that_comes_after_all_was_given_up_is_passed_over(self):
        unfinished = unfinished_after(("start", STARTED))
        given_up(unfinished)

        send(unfinished, "snapshot", OPEN_CALLS)

        assert given_up(unfinished) == {}

    def test_of_many_that_ended_the_newest_are_remembered(self, monkeypatch):
        monkeypatch.setattr(module, "ENDED_ID_COUNT_MAX", 2)
        unfinished = unfinished_after(("start", STARTED), ("receive", CALL))
        for number in (10, 11):
            send(unfinished, "receive", export_request(("n", span_id(number))))
        ids = [CHILD, span_id(10), span_id(11)]

        send(unfinished, "snapshot", export_request(*((i.hex(), i) for i in ids), is_open=True))

        assert set(given_up(unfinished)) == {"root", CHILD.hex()}

    def test_also_from_a_newer_one(self):
        messages = [("snapshot", OPEN_CALLS), ("receive", CALL), ("snapshot", OPEN_CALLS)]

        assert set(given_up(unfinished_after(*messages))) == {"other"}

    def test_a_span_that_ends_after_it_was_given_up_is_dropped(self):
        unfinished = unfinished_after(("snapshot", OPEN_CALLS))
        given_up(unfinished)

        assert send(unfinished, "receive", CALL) == b""

    def test_where_it_holds_the_root_too_it_is_the_newer_view(self):
        snapshot = export_request(("root, renamed", ROOT), ("child", CHILD), is_open=True)

        spans = given_up(unfinished_after(("start", STARTED), ("snapshot", snapshot)))

        assert set(spans) == {"root, renamed", "child"}

    def test_it_is_forgotten_with_the_last_spans_of_an_invocation_whose_start_was_lost(self):
        unfinished = unfinished_after(("snapshot", STARTED + OPEN_CALLS))

        assert unfinished.receive("r-1", FINAL, is_last=True) == FINAL
        assert given_up(unfinished) == {}

    @pytest.mark.parametrize(
        ("before", "last"),
        [((), b""), ((("start", STARTED),), CALL)],
        ids=["they were lost as well", "the root is left to the collector"],
    )
    def test_not_if_the_root_is_not_among_them(self, before, last):
        unfinished = unfinished_after(*before, ("snapshot", STARTED + OPEN_CALLS))

        unfinished.receive("r-1", last, is_last=True)

        assert {"root", "other"} <= set(given_up(unfinished))

    def test_spans_that_cannot_be_walked_change_nothing(self):
        unfinished = unfinished_after(("snapshot", OPEN_CALLS))

        assert send(unfinished, "receive", UNWALKABLE) == UNWALKABLE
        assert set(given_up(unfinished)) == {"child", "other"}


class TestASecondTry:
    """Lambda tries asynchronous invocations again under their old request id."""

    SECOND = export_request(("second", NEXT_ROOT), is_open=True)

    def test_the_root_of_the_first_is_given_up(self):
        unfinished = unfinished_after(("start", STARTED))

        (payload,) = send(unfinished, "start", self.SECOND)

        assert [span.status.message for span in spans_in(payload.body)] == [NO_END]
        assert set(given_up(unfinished)) == {"second"}

    def test_a_snapshot_may_be_all_there_is_of_it(self):
        unfinished = unfinished_after(("start", STARTED), ("receive", FINAL))

        send(unfinished, "snapshot", self.SECOND)

        assert set(given_up(unfinished)) == {"second"}

    def test_the_same_root_sent_twice_is_one_try(self):
        assert send(unfinished_after(("start", STARTED)), "start", STARTED) == []

    @pytest.mark.parametrize(("at", "has_started"), [(0.998, False), (1.0, True), (1.5, True)])
    def test_an_end_before_its_start_is_not_its_own(self, at, has_started):
        unfinished = unfinished_after(("start", STARTED))

        assert unfinished.has_started_by("r-1", at) is has_started

    def test_what_is_not_held_cannot_be_wronged(self):
        assert Unfinished().has_started_by("r-9", 0.5)


class TestManyInvocations:
    """Their number is bounded."""

    @pytest.mark.parametrize("phase", ["start", "snapshot"])
    def test_the_oldest_is_given_up(self, phase):
        unfinished = unfinished_after(("start", STARTED))
        hold = getattr(unfinished, phase)
        given_up_by = [
            hold(f"r-{number}", export_request(("n", span_id(number)), is_open=True), now=NOW)
            for number in range(2, INVOCATION_COUNT_MAX + 2)
        ]

        (payload,) = given_up_by[-1]
        assert given_up_by[:-1] == [[]] * (INVOCATION_COUNT_MAX - 1)
        assert [span.name for span in spans_in(payload.body)] == ["root"]
        assert send(unfinished, "receive", FINAL) == FINAL

    def test_not_one_that_runs_while_others_are_over(self):
        unfinished = unfinished_after(("start", STARTED))
        for number in range(2, INVOCATION_COUNT_MAX + 2):
            one = ("n", span_id(number))
            unfinished.start(f"r-{number}", export_request(one, is_open=True), now=NOW)
            unfinished.receive(f"r-{number}", export_request(one))

        newest = export_request(("newest", span_id(1000)), is_open=True)

        assert unfinished.start("r-1000", newest, now=NOW) == []
        assert set(given_up(unfinished)) == {"root"}
