"""What the function records with OpenTelemetry's metric API: at the collector when it has ended."""

from __future__ import annotations

import pytest

from tests.fakes.local_collector import LocalCollector, attributes
from tests.fakes.runtime_api import FunctionProcess, RuntimeApi, layer_from_source

DELTA, CUMULATIVE = 1, 2

APP = """
import os
import sys
import threading
import time

from opentelemetry import metrics
from opentelemetry.metrics import Observation

meter = metrics.get_meter("shop", "1.0", attributes={"team": "a"})
orders = meter.create_counter("orders", unit="1", description="orders placed")
stock = meter.create_up_down_counter("stock")
sizes = meter.create_histogram("sizes", unit="By")
orders.add(5, {"kind": "initial"})


def handler(event, context):
    for _ in range(event.get("orders", 1)):
        orders.add(1, {"kind": "book"})
    stock.add(-2)
    sizes.record(30.5)
    return threading.active_count()


def idle(event, context):
    if event.get("orders"):
        orders.add(1)
        stock.add(1)


def observed(event, context):
    def called(options):
        yield Observation(len(os.environ["N"]), {"n": 1})

    if not event:
        meter.create_observable_gauge("depth", [called])
        meter.create_observable_counter("ticks", [called])


def raising(event, context):
    def called(options):
        raise OSError("broken callback")

    meter.create_observable_gauge("depth", [called])
    orders.add(1)
    return "done"


def slow(event, context):
    def called(options):
        time.sleep(0.2)
        yield Observation(1)

    meter.create_observable_gauge("depth", [called])


def odd(event, context):
    meter.create_counter("not a name!").add(1)
    orders.add(1, {"a list": [1, 2]})
    orders.add(1, {"huge": 1 << 70})
    orders.add(-1)
    orders.add(None)
    sizes.record("large")
    meter.create_gauge("level").set(1 + 1j)
    sizes.record(1 << 70)
    metrics.get_meter_provider().get_meter("").create_counter("x").add(1)
    return "done"


def flushes(event, context):
    orders.add(1)
    assert metrics.get_meter_provider().force_flush()
    orders.add(2)


def shuts_down(event, context):
    orders.add(1)
    metrics.get_meter_provider().shutdown()
    orders.add(2)
    return "done"


def forks(event, context):
    orders.add(1)
    child = os.fork()
    if child == 0:
        orders.add(100)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def leaves(event, context):
    orders.add(1)
    sys.exit(3)


def asks_each_time(event, context):
    from opentelemetry.metrics import _internal
    for _ in range(2000):
        mine = metrics.get_meter("mine").create_counter("mine")
    mine.add(1)
    own = [m for m in _internal._PROXY_METER_PROVIDER._proxy._meters if m.name == "mine"]
    return [len(own), len(own[0]._instruments)]


def sets_ours(event, context):
    metrics.set_meter_provider(metrics.get_meter_provider())
    metrics.get_meter("mine").create_counter("mine").add(1)
    orders.add(1)
    return "done"


def is_of_the_sdk(event, context):
    from opentelemetry.sdk.metrics import MeterProvider
    return isinstance(metrics.get_meter_provider(), MeterProvider)
"""

OWN = """
from opentelemetry import metrics

early = metrics.get_meter("library")
early_counter = early.create_counter("early")
early.create_observable_gauge("gauge", [lambda options: [metrics.Observation(1)]])
early_counter.add(1)

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
late_counter = metrics.get_meter("app").create_counter("late")


def handler(event, context):
    early_counter.add(1)
    early.create_counter("afterwards").add(1)
    late_counter.add(1)
    data = reader.get_metrics_data()
    return sorted(
        metric.name
        for of_resource in data.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    )


"""


class Run:
    """What came of some invocations."""

    def __init__(self, outcomes, requests, function):
        self.outcomes = outcomes
        self.requests = requests
        self.lines = function.our_lines
        self.stderr = function.stderr

    @property
    def metrics(self):
        """The metrics of each request that holds any."""
        return [one.metrics for one in self.requests if one.path == "/v1/metrics"]

    def points(self, name):
        """The data points of a metric, of all requests, as they came."""
        found = [metric for metrics in self.metrics for metric in metrics if metric.name == name]
        return [
            point
            for metric in found
            for point in getattr(metric, metric.WhichOneof("data")).data_points
        ]

    def sums(self, name):
        """The integers of a sum's points."""
        return [point.as_int for point in self.points(name)]


@pytest.fixture
def run(tmp_path):
    """Invoke a handler a few times with some events, and return what came of it."""
    layer = layer_from_source(tmp_path / "layer")
    task = tmp_path / "task"
    task.mkdir()
    (task / "app.py").write_text(APP)
    (task / "own.py").write_text(OWN)

    def invoke(handler="app.handler", events=({},), *, environ=None, is_answered=True):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(
                api, task, handler, layer=layer, environ={"N": "12", **(environ or {})}
            ) as function,
        ):
            outcomes = []
            for number, event in enumerate(events):
                request_id = f"request-{number}"
                if is_answered:
                    outcomes.append(api.invoke(event, request_id=request_id))
                else:
                    api.hand_out(event, request_id=request_id)
                collector.wait_for_end(request_id)
            return Run(outcomes, list(collector.requests), function)

    return invoke


class TestWhatAFunctionRecords:
    """It is at the collector before the invocation's end is."""

    def test_it_is_sent_before_the_end_of_the_invocation_that_it_belongs_to(self, run):
        done = run()

        assert [(one.path, one.phase, one.invocation_id) for one in done.requests] == [
            ("/v1/traces", "start", "request-0"),
            ("/v1/metrics", None, "request-0"),
            ("/v1/traces", "end", "request-0"),
        ]

    def test_each_instrument_has_its_kind(self, run):
        (metrics,) = run().metrics

        kinds = {one.name: (one.WhichOneof("data"), one.unit, one.description) for one in metrics}
        assert kinds == {
            "orders": ("sum", "1", "orders placed"),
            "stock": ("sum", "", ""),
            "sizes": ("histogram", "By", ""),
        }

    def test_what_was_recorded_while_the_module_was_loaded_is_there(self, run):
        done = run()

        points = {attributes(point)["kind"]: point.as_int for point in done.points("orders")}
        assert points == {"initial": 5, "book": 1}

    def test_counters_and_histograms_say_what_was_added_since_the_last_invocation(self, run):
        done = run(events=[{"orders": 2}, {"orders": 3}, {"orders": 4}])

        books = [one for one in done.points("orders") if attributes(one)["kind"] == "book"]
        assert [point.as_int for point in books] == [2, 3, 4]
        assert [point.count for point in done.points("sizes")] == [1, 1, 1]
        assert [point.as_int for point in done.points("stock")] == [-2, -4, -6]

    def test_intervals_follow_each_other_without_a_gap(self, run):
        done = run(events=[{}, {}])

        first, second = [p for p in done.points("orders") if attributes(p)["kind"] == "book"]
        assert first.time_unix_nano == second.start_time_unix_nano

    def test_the_resource_and_the_scope_are_named(self, run):
        done = run()

        _, of_metrics, of_spans = done.requests
        assert of_metrics.resources == of_spans.resources

    def test_there_is_no_thread_and_no_line_of_ours(self, run):
        done = run()

        assert [outcome.body for outcome in done.outcomes] == [b"1"]
        assert done.stderr == ""

    def test_an_invocation_that_records_nothing_sends_none(self, run):
        done = run("app.idle", [{"orders": 1}, {}, {"orders": 1}])

        senders = [one.invocation_id for one in done.requests if one.path == "/v1/metrics"]
        assert senders == ["request-0", "request-2"]

    def test_it_is_sent_although_the_process_ends(self, run):
        done = run("app.leaves", is_answered=False)

        assert done.sums("orders") == [5, 1]

    def test_what_is_flushed_is_sent_at_once(self, run):
        done = run("app.flushes")

        assert [len(metrics) for metrics in done.metrics] == [1, 1]
        assert done.sums("orders") == [5, 1, 2]

    def test_what_is_recorded_after_a_shutdown_is_lost_and_nothing_else(self, run):
        done = run("app.shuts_down")

        assert done.outcomes[0].body == b'"done"'
        assert done.sums("orders")[:2] == [5, 1]

    def test_a_forked_child_changes_nothing(self, run):
        done = run("app.forks")

        assert done.outcomes[0].body == b"0"
        assert done.sums("orders") == [5, 1]

    def test_code_that_asks_for_its_instruments_in_each_invocation_fills_no_memory(self, run):
        done = run("app.asks_each_time", [{}] * 3)

        assert [outcome.body for outcome in done.outcomes] == [b"[1, 1]"] * 3
        assert done.sums("mine") == [1, 1, 1]


class TestObservableInstruments:
    """They are asked when an invocation ends."""

    def test_each_invocation_observes_once(self, run):
        done = run("app.observed", [{}, {"again": True}])

        assert done.sums("depth") == [2, 2]

    def test_a_counter_says_what_was_added_since(self, run):
        done = run("app.observed", [{}, {"again": True}])

        assert done.sums("ticks") == [2, 0]

    def test_a_callback_that_raises_costs_its_own_value(self, run):
        done = run("app.raising")

        assert done.outcomes[0].body == b'"done"'
        assert done.sums("orders") == [5, 1]

    def test_callbacks_that_are_slow_are_told_of(self, run):
        done = run("app.slow")

        (line,) = done.lines
        assert line.startswith("otel-layer: to collect metrics took 0.2 s of the invocation: ")


class TestWhatTheSdkRefuses:
    """The function does not notice."""

    def test_it_goes_on(self, run):
        done = run("app.odd")

        assert done.outcomes[0].body == b'"done"'

    def test_what_is_no_number_is_told_of_once(self, run):
        done = run("app.odd")

        told = [line for line in done.lines if "cannot record a measurement: TypeError: " in line]
        assert len(told) == 1

    def test_a_name_that_is_none_is_told_of(self, run):
        done = run("app.odd")

        assert any(
            line.startswith("otel-layer: cannot make the instrument 'not a name!': Exception: ")
            for line in done.lines
        )


class TestWhatTheOperatorPrefers:
    """As the standard variables say."""

    PREFERENCE = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"

    @pytest.mark.parametrize(
        ("preference", "expected"),
        [
            ("delta", {"orders": DELTA, "stock": CUMULATIVE, "sizes": DELTA}),
            ("lowmemory", {"orders": DELTA, "stock": CUMULATIVE, "sizes": DELTA}),
            ("CUMULATIVE", {"orders": CUMULATIVE, "stock": CUMULATIVE, "sizes": CUMULATIVE}),
        ],
    )
    def test_the_temporality(self, run, preference, expected):
        (metrics,) = run(environ={self.PREFERENCE: preference}).metrics

        assert {
            one.name: getattr(one, one.WhichOneof("data")).aggregation_temporality
            for one in metrics
        } == expected

    def test_the_kind_of_histograms(self, run):
        variable = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"

        (metrics,) = run(environ={variable: "base2_exponential_bucket_histogram"}).metrics

        kinds = {one.name: one.WhichOneof("data") for one in metrics}
        assert kinds["sizes"] == "exponential_histogram"

    @pytest.mark.parametrize(
        "environ",
        [
            {"OTEL_METRICS_EXPORTER": "none"},
            {"OTEL_SDK_DISABLED": "true"},
        ],
    )
    def test_none_at_all(self, tmp_path, environ):
        layer = layer_from_source(tmp_path / "layer")
        (tmp_path / "app.py").write_text(
            "import sys\n" + APP + "\ndef loaded(event, context):\n"
            "    orders.add(1)\n"
            "    return [name for name in sys.modules if name == 'opentelemetry.sdk.metrics']\n"
        )
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, tmp_path, "app.loaded", layer=layer, environ=environ) as function,
        ):
            assert api.invoke({}).body == b"[]"
            assert function.our_lines == []
            assert [one for one in collector.requests if one.path == "/v1/metrics"] == []


class TestAProviderOfTheFunction:
    """It gets everything, from whenever it is set, and nobody is warned."""

    def test_what_was_made_before_is_its_own_too(self, run):
        done = run("own.handler")

        assert done.outcomes[0].body == b'["afterwards", "early", "gauge", "late"]'

    def test_nothing_comes_our_way(self, run):
        done = run("own.handler", [{}, {}])

        assert done.metrics == []

    def test_there_is_no_warning(self, run):
        assert run("own.handler").stderr == ""

    def test_ours_may_be_it(self, run):
        done = run("app.sets_ours")

        assert done.outcomes[0].body == b'"done"'
        assert (done.sums("mine"), done.sums("orders")) == ([1], [5, 1])

    def test_without_one_the_provider_is_the_sdk_s(self, run):
        assert run("app.is_of_the_sdk").outcomes[0].body == b"true"
