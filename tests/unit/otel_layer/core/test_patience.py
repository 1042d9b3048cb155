"""How much waiting for the collector the function puts up with."""

from __future__ import annotations

from otel_layer.core.patience import REFILL_PER_S, SEND_S, SUPPLY_S, Patience

NOW = 1000.0


class TestAHealthyCollector:
    """It takes what it is sent within microseconds."""

    def test_it_is_always_asked(self):
        patience = Patience()

        for n in range(10_000):
            patience.waited(0.000_05, NOW + n * 0.001)

        assert patience.allows(NOW + 10)


class TestASlowCollector:
    """It takes what it is sent, but each time nearly too late."""

    def test_a_few_requests_are_waited_for(self):
        patience = Patience()
        patience.waited(0.09, NOW)
        patience.waited(0.09, NOW)

        assert patience.allows(NOW)

    def test_then_the_supply_is_used_up(self):
        patience = Patience()
        for _ in range(3):
            patience.waited(0.09, NOW)

        assert not patience.allows(NOW)

    def test_a_wait_that_was_longer_than_the_supply_leaves_nothing_to_repay(self):
        patience = Patience()
        patience.waited(100.0, NOW)

        assert patience.allows(NOW + SEND_S / REFILL_PER_S + 0.01)


class TestADeadCollector:
    """One request shows it; the spans after it must not pay again."""

    def test_it_is_not_asked_again_at_once(self):
        patience = Patience()
        patience.failed(NOW)

        assert not patience.allows(NOW + 0.5)

    def test_it_is_asked_again_when_the_supply_allows_a_whole_request(self):
        patience = Patience()
        patience.failed(NOW)

        assert patience.allows(NOW + SEND_S / REFILL_PER_S + 0.01)

    def test_a_long_rest_does_not_save_up_more_than_the_supply(self):
        patience = Patience()
        patience.failed(NOW)
        patience.waited(SUPPLY_S - SEND_S / 2, NOW + 3600)

        assert not patience.allows(NOW + 3600)
