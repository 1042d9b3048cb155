"""What the variables say about delivery."""

from __future__ import annotations

import pytest

from collector_ext.core.config.delivery import (
    CONTINUOUS_INTERVAL_S,
    DEFAULTS,
    MANAGED_INTERVAL_S,
    PERIODIC_INTERVAL_S,
    SPILL_PATH,
    STRATEGIES,
    Delivery,
    delivery_from,
)
from collector_ext.core.delivery.breaker import Patience
from collector_ext.core.delivery.outbox import Limits
from collector_ext.core.delivery.strategy import Adaptive, Continuous, End, Next, Periodic

NOW = 1_000.0


def said(**variables):
    """What these come to; names without what all of them begin with."""
    return delivery_from({f"OTEL_LAYER_{name}": value for name, value in variables.items()})


def strategy(name="", **variables):
    return said(FLUSH_STRATEGY=name, **variables).flush_strategy(is_managed_instance=False)


class TestNothingSet:
    """The defaults: all is out before the freeze."""

    EXPECTED = Delivery(
        strategy="end",
        interval_s=None,
        adaptive_invocation_count=20,
        adaptive_gap_s=10.0,
        flush_timeout_s=None,
        limits=Limits(
            buffer_bytes_max=8_388_608,
            request_bytes_max=4_128_768,
            spill_bytes_max=0,
            patience=Patience(
                retry_count=2,
                retry_delay_s=0.1,
                breaker_delay_s=10.0,
                breaker_delay_s_max=300.0,
            ),
        ),
        spill_path="/tmp/otel-layer",  # noqa: S108 - its folder is refused where others may write
        has_own_metrics=False,
        has_platform_spans=False,
        has_function_logs=False,
        remarks=(),
    )

    def test_is_all_by_default(self):
        assert delivery_from({}) == self.EXPECTED

    def test_is_the_same_as_set_to_nothing(self):
        assert said(FLUSH_STRATEGY="", FLUSH_INTERVAL=" ", RETRY_COUNT="") == self.EXPECTED


class TestEachVariable:
    """Milliseconds are read as seconds."""

    def test_is_where_it_belongs(self):
        assert said(
            FLUSH_STRATEGY=" Adaptive ",
            FLUSH_INTERVAL="1500",
            FLUSH_TIMEOUT="2500",
            ADAPTIVE_INVOCATIONS="5",
            ADAPTIVE_GAP="6000",
            RETRY_COUNT="7",
            RETRY_DELAY="80",
            BREAKER_DELAY="9000",
            BREAKER_DELAY_MAX="10000",
            BUFFER_SIZE="11",
            REQUEST_SIZE="12",
            SPILL_SIZE="13",
            SPILL_PATH="/mnt/kept",
            METRICS="True",
            PLATFORM_SPANS="true",
            FUNCTION_LOGS="true",
        ) == Delivery(
            strategy="adaptive",
            interval_s=1.5,
            adaptive_invocation_count=5,
            adaptive_gap_s=6.0,
            flush_timeout_s=2.5,
            limits=Limits(11, 12, 13, Patience(7, 0.08, 9.0, 10.0)),
            spill_path="/mnt/kept",
            has_own_metrics=True,
            has_platform_spans=True,
            has_function_logs=True,
            remarks=(),
        )

    @pytest.mark.parametrize("name", ["RETRY_COUNT", "RETRY_DELAY", "BREAKER_DELAY"])
    def test_may_be_none_where_that_means_something(self, name):
        assert said(**{name: "0"}).remarks == ()


class TestWhatCannotBeUsed:
    """It is replaced by the default, in one sentence that says so."""

    @pytest.mark.parametrize(
        "text", ["-1", "1.5", "1e3", "ten", "\N{SUPERSCRIPT TWO}", "9" * 16, "0x10"]
    )
    def test_is_no_whole_number(self, text):
        found = said(RETRY_COUNT=text)

        assert found.limits == delivery_from({}).limits
        assert found.remarks == (
            f"OTEL_LAYER_RETRY_COUNT={text!r} is not a whole number from 0; using 2",
        )

    @pytest.mark.parametrize("name", ["ADAPTIVE_INVOCATIONS", "BUFFER_SIZE", "REQUEST_SIZE"])
    def test_is_none_where_some_are_needed(self, name):
        default = DEFAULTS[f"OTEL_LAYER_{name}"]

        assert said(**{name: "0"}).remarks == (
            f"OTEL_LAYER_{name}='0' is not a whole number from 1; using {default}",
        )

    @pytest.mark.parametrize("name", ["FLUSH_INTERVAL", "FLUSH_TIMEOUT"])
    @pytest.mark.parametrize("text", ["0", "1s"])
    def test_is_no_time(self, name, text):
        found = said(**{name: text})

        assert (found.interval_s, found.flush_timeout_s) == (None, None)
        unusable = f"OTEL_LAYER_{name}={text!r} is not a whole number of milliseconds from 1"
        assert found.remarks == (f"{unusable}; using the default",)

    def test_is_no_path(self):
        found = said(SPILL_PATH="kept")

        assert found.spill_path == SPILL_PATH
        assert found.remarks == (
            f"OTEL_LAYER_SPILL_PATH='kept' does not begin with /; using {SPILL_PATH}",
        )

    def test_is_no_truth(self):
        found = said(METRICS="1")

        assert not found.has_own_metrics
        assert found.remarks == ("OTEL_LAYER_METRICS='1' is neither true nor false; using false",)

    def test_is_no_strategy(self):
        found = said(FLUSH_STRATEGY="sometimes")

        assert found.strategy == "end"
        known = "end, next, periodic, continuous, adaptive"
        assert found.remarks == (
            f"OTEL_LAYER_FLUSH_STRATEGY='sometimes' is none of {known}; using end",
        )


class TestTheStrategy:
    """It is made anew, of what was said about it."""

    @pytest.mark.parametrize(
        ("name", "made"),
        [
            ("end", End),
            ("next", Next),
            ("periodic", Periodic),
            ("continuous", Continuous),
            ("adaptive", Adaptive),
        ],
    )
    def test_is_the_one_that_was_named(self, name, made):
        assert type(strategy(name)) is made
        assert strategy(name) is not strategy(name)

    def test_may_be_any_of_the_list(self):
        assert [said(FLUSH_STRATEGY=name).remarks for name in STRATEGIES] == [()] * len(STRATEGIES)

    @pytest.mark.parametrize(
        ("name", "default_s"),
        [("periodic", PERIODIC_INTERVAL_S), ("continuous", CONTINUOUS_INTERVAL_S)],
    )
    def test_has_an_interval_of_its_own(self, name, default_s):
        unset, is_set = strategy(name), strategy(name, FLUSH_INTERVAL="7000")
        unset.invoked(NOW)
        is_set.invoked(NOW)

        assert unset.export_at(NOW, NOW) == NOW + default_s
        assert is_set.export_at(NOW, NOW) == NOW + 7

    def test_adapts_as_it_is_told(self):
        adaptive = strategy("adaptive", ADAPTIVE_INVOCATIONS="2", ADAPTIVE_GAP="3000")

        for at in (NOW, NOW + 3, NOW + 6):
            assert not adaptive.is_overlapping
            adaptive.invoked(at)

        assert adaptive.is_overlapping
        assert adaptive.export_at(NOW, NOW + 6) == NOW + 6 + PERIODIC_INTERVAL_S


class TestOnManagedInstances:
    """Nothing is frozen, and invocations have no end: it goes by the clock."""

    @pytest.mark.parametrize("name", STRATEGIES)
    def test_the_strategy_is_continuous(self, name):
        managed = said(FLUSH_STRATEGY=name).flush_strategy(is_managed_instance=True)

        assert type(managed) is Continuous
        assert managed.export_at(NOW, NOW) == NOW + MANAGED_INTERVAL_S

    def test_the_interval_may_be_set(self):
        managed = said(FLUSH_INTERVAL="250").flush_strategy(is_managed_instance=True)

        assert managed.export_at(NOW, NOW) == NOW + 0.25
