"""When a batch is due, what is in it, and what becomes of one that is not taken."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.actions import Deliver, Record
from lambda_sandbox.core.telemetry import subscriber as module
from lambda_sandbox.core.telemetry.subscriber import (
    ATTEMPTS_MAX,
    NOTHING,
    REASON,
    RETRY_FIRST_S,
    RETRY_MAX_S,
    Item,
    Loss,
    Subscriber,
    weighed,
)
from lambda_sandbox.core.telemetry.subscription import Subscription

NOW = 50.0
TIME = "2026-11-23T00:00:00.000Z"
URI = "http://sandbox.localdomain:4243/telemetry"
TERMS = Subscription(("platform",), URI, 1000, 262_144, 0.025, "2025-01-29")
DUE = NOW + 0.025


def event(number=0):
    """The ``number``-th event."""
    return {"time": TIME, "type": "platform.start", "record": {"requestId": f"r-{number}"}}


def dropped(records, size_bytes):
    """The event that tells of a loss."""
    record = {"reason": REASON, "droppedRecords": records, "droppedBytes": size_bytes}
    return {"time": TIME, "type": "platform.logsDropped", "record": record}


def offered(*numbers, at=NOW):
    """A subscriber for whom these events wait, 100 bytes each."""
    subscriber = Subscriber("listener", TERMS)
    for number in numbers:
        subscriber.offer(Item(event(number), 100), at)
    return subscriber


def batch(subscriber, now=DUE):
    """The events of the batch that is sent now."""
    *_, deliver = subscriber.take_batch(TIME, now)
    assert isinstance(deliver, Deliver)
    return list(deliver.events)


def refused(subscriber, times, now=DUE):
    """Let it not take as many batches."""
    for _ in range(times):
        subscriber.take_batch(TIME, now)
        subscriber.finish(now, accepted=False)


class TestAnEvent:
    """Weighs what its JSON weighs on the wire."""

    def test_is_weighed(self):
        assert weighed({"a": ["é", 1]}) == Item({"a": ["é", 1]}, len(b'{"a":["\\u00e9",1]}'))


class TestABatch:
    """Due when it is full or old enough, and one at a time."""

    def test_is_not_due_without_events(self):
        assert Subscriber("listener", TERMS).due_at is None

    def test_is_due_when_its_oldest_event_is_old_enough(self):
        subscriber = offered(1)
        subscriber.offer(Item(event(2), 100), NOW + 0.02)

        assert subscriber.due_at == DUE
        assert subscriber.take_batch(TIME, DUE) == [Deliver("listener", URI, (event(1), event(2)))]

    @pytest.mark.parametrize(("count", "due_at"), [(999, DUE), (1000, NOW)])
    def test_is_due_at_once_when_it_has_enough_events(self, count, due_at):
        assert offered(*range(count)).due_at == due_at

    @pytest.mark.parametrize(("size_bytes", "due_at"), [(262_143, DUE), (262_144, NOW)])
    def test_is_due_at_once_when_it_is_large_enough(self, size_bytes, due_at):
        subscriber = Subscriber("listener", TERMS)

        subscriber.offer(Item(event(), size_bytes), NOW)

        assert subscriber.due_at == due_at

    def test_is_due_at_once_when_the_end_is_near(self):
        subscriber = offered(1)

        subscriber.hurry()

        assert subscriber.due_at == NOW

    def test_has_no_more_events_than_asked_for(self):
        subscriber = offered(*range(1001))

        assert len(batch(subscriber)) == 1000
        subscriber.finish(DUE, accepted=True)
        assert batch(subscriber) == [event(1000)]

    def test_ends_with_the_event_that_makes_it_large_enough(self):
        subscriber = Subscriber("listener", TERMS)
        for number, size_bytes in enumerate([262_143, 262_144, 1]):
            subscriber.offer(Item(event(number), size_bytes), NOW)

        assert batch(subscriber) == [event(0), event(1)]

    def test_waits_for_the_answer_to_the_last(self):
        subscriber = offered(1)
        batch(subscriber)
        subscriber.offer(Item(event(2), 100), DUE)

        assert subscriber.due_at is None
        subscriber.finish(DUE, accepted=True)
        assert subscriber.due_at == DUE + 0.025


class TestABatchThatIsNotTaken:
    """It is sent again, later and later; then it is dropped, and that is told."""

    def test_comes_again_before_what_happened_since(self):
        subscriber = offered(1, 2)
        batch(subscriber)
        subscriber.offer(Item(event(3), 100), DUE)

        subscriber.finish(DUE, accepted=False)

        assert subscriber.due_at == DUE + RETRY_FIRST_S
        assert batch(subscriber) == [event(1), event(2), event(3)]

    def test_waits_for_its_turn_even_if_it_is_full(self):
        subscriber = offered(*range(1000))

        refused(subscriber, 1, NOW)

        assert subscriber.due_at == NOW + RETRY_FIRST_S

    def test_comes_later_and_later_but_not_too_late(self):
        subscriber = offered(1)
        backoffs_s = []

        for _ in range(ATTEMPTS_MAX - 1):
            refused(subscriber, 1)
            assert subscriber.due_at is not None
            backoffs_s.append(round(subscriber.due_at - DUE, 3))

        assert backoffs_s == [0.05, 0.1, 0.2, 0.4, 0.8, RETRY_MAX_S, RETRY_MAX_S]

    def test_is_dropped_in_the_end_and_the_loss_is_told_by_itself(self):
        subscriber = offered(1, 2)

        refused(subscriber, ATTEMPTS_MAX)

        assert subscriber.due_at == DUE + RETRY_MAX_S
        assert batch(subscriber) == [dropped(2, 200)]

    def test_is_told_after_what_happened_since(self):
        subscriber = offered(1)
        refused(subscriber, ATTEMPTS_MAX)

        subscriber.offer(Item(event(2), 100), DUE)

        assert batch(subscriber) == [event(2), dropped(1, 100)]

    def test_is_forgotten_once_another_is_taken(self):
        subscriber = offered(1)
        refused(subscriber, 3)
        batch(subscriber)
        subscriber.finish(DUE, accepted=True)
        subscriber.offer(Item(event(2), 100), DUE)

        refused(subscriber, 1)

        assert subscriber.due_at == DUE + RETRY_FIRST_S

    def test_that_told_of_a_loss_leaves_it_to_be_told(self):
        subscriber = offered(1)
        refused(subscriber, ATTEMPTS_MAX)

        refused(subscriber, ATTEMPTS_MAX)

        assert batch(subscriber) == [dropped(1, 100)]
        subscriber.finish(DUE, accepted=True)
        assert subscriber.loss == NOTHING
        assert subscriber.due_at is None

    def test_an_answer_to_nothing_changes_nothing(self):
        subscriber = offered(1)

        subscriber.finish(NOW, accepted=False)

        assert subscriber.due_at == DUE


class TestWhatWaits:
    """Bounded: the oldest go first, and are counted."""

    def test_has_so_many_events(self, monkeypatch):
        monkeypatch.setattr(module, "WAITING_MAX", 2)

        subscriber = offered(1, 2, 3)

        assert batch(subscriber) == [event(2), event(3), dropped(1, 100)]

    def test_has_so_many_bytes(self, monkeypatch):
        monkeypatch.setattr(module, "WAITING_BYTES_MAX", 299)

        subscriber = offered(1, 2, 3)

        assert batch(subscriber) == [event(2), event(3), dropped(1, 100)]

    def test_includes_a_batch_that_came_back(self, monkeypatch):
        monkeypatch.setattr(module, "WAITING_MAX", 2)
        subscriber = offered(1, 2)
        batch(subscriber)
        subscriber.offer(Item(event(3), 100), DUE)

        subscriber.finish(DUE, accepted=False)

        assert batch(subscriber) == [event(2), event(3), dropped(1, 100)]


class TestALoss:
    """Shown once to whoever watches."""

    def test_is_shown_with_the_first_batch_that_tells_it(self):
        subscriber = offered(1)
        refused(subscriber, ATTEMPTS_MAX)

        first, _ = subscriber.take_batch(TIME, DUE)
        subscriber.finish(DUE, accepted=False)

        assert first == Record(dropped(1, 100))
        assert len(subscriber.take_batch(TIME, DUE)) == 1

    def test_adds_up(self):
        assert Loss(1, 10) + Loss(2, 20) == Loss(3, 30)


class TestTheEnd:
    """SHUTDOWN waits for one answer, not for many."""

    def test_does_not_wait_for_another_attempt(self):
        subscriber = offered(1)
        refused(subscriber, 1)

        subscriber.hurry()

        assert subscriber.due_at == NOW

    def test_gives_up_with_the_first_batch_that_is_not_taken(self):
        subscriber = offered(*range(1500))
        subscriber.hurry()

        refused(subscriber, 1)

        assert (subscriber.due_at, subscriber.given_up) == (None, True)
        assert subscriber.record_loss(TIME) == [Record(dropped(1500, 150_000))]
        assert subscriber.record_loss(TIME) == []

    def test_gives_up_without_a_loss_if_there_was_only_one_to_tell(self):
        subscriber = offered(1)
        refused(subscriber, ATTEMPTS_MAX)
        subscriber.hurry()

        refused(subscriber, 1)

        assert subscriber.loss == Loss(1, 100)
        assert subscriber.record_loss(TIME) == []
