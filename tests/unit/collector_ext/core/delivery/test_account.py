"""What was received is exported, dropped for a reason, or carried."""

from __future__ import annotations

from collector_ext.core.delivery.account import BUFFER_FULL, REJECTED, Account
from collector_ext.core.otlp import METRICS, TRACES


def account(*, received=0, exported=0, **dropped):
    """An account that these were counted in."""
    made = Account()
    made.received, made.exported = received, exported
    for reason, count in dropped.items():
        made.drop(reason, count)
    return made


class TestWhatIsCarried:
    """It is what has come to no end."""

    def test_is_all_that_was_received_at_first(self):
        assert account(received=12).carried == 12

    def test_is_not_what_was_exported_or_dropped(self):
        assert account(received=12, exported=7, timeout=2, rejected=1).carried == 2


class TestWhatIsDropped:
    """It is counted by reason."""

    def test_is_added_up(self):
        counted = account(received=9)
        counted.drop(BUFFER_FULL, 2)
        counted.drop(REJECTED, 1)
        counted.drop(BUFFER_FULL, 3)

        assert counted.dropped == {BUFFER_FULL: 5, REJECTED: 1}
        assert counted.dropped_count == 6

    def test_is_no_reason_when_it_is_nothing(self):
        assert account(timeout=0).dropped == {}


class TestInWords:
    """Only what there is to say is said."""

    def test_all_is_well(self):
        assert account(received=3, exported=3).text(TRACES, "exported") == (
            "3 spans received, 3 exported"
        )

    def test_some_are_carried(self):
        assert account(received=3, exported=1).text(METRICS, "handed on") == (
            "3 data points received, 1 handed on, 2 carried over"
        )

    def test_some_were_dropped(self):
        counted = account(received=12, exported=9, timeout=2, buffer_full=1)

        assert counted.text(TRACES, "exported") == (
            "12 spans received, 9 exported, 3 dropped (timeout 2, buffer_full 1)"
        )
