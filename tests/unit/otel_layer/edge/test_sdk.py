"""What is ours around the SDK: ids and propagators."""

from __future__ import annotations

import importlib.metadata
import os
import random
from importlib.metadata import EntryPoint

import pytest
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.util import _importlib_metadata

from otel_layer.edge import sdk
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield


@pytest.fixture
def lines(monkeypatch):
    said = []
    monkeypatch.setattr(Log, "say", lambda _, sentence: said.append(sentence))
    before = propagate.get_global_textmap()
    yield said
    propagate.set_global_textmap(before)


class TestIds:
    """From the kernel, so that clones of a snapshot do not make the same ones."""

    def test_they_do_not_depend_on_the_state_of_random(self):
        ids = sdk._UrandomIds()
        random.seed(7)
        first = ids.generate_trace_id(), ids.generate_span_id()
        random.seed(7)

        assert (ids.generate_trace_id(), ids.generate_span_id()) != first

    def test_they_are_never_zero(self, monkeypatch):
        answers = [bytes(8), bytes(7) + b"\x01", bytes(16), bytes(15) + b"\x02"]
        monkeypatch.setattr(os, "urandom", lambda _: answers.pop(0))
        ids = sdk._UrandomIds()

        assert (ids.generate_span_id(), ids.generate_trace_id()) == (1, 2)

    def test_they_are_random_as_w3c_has_it(self):
        assert sdk._UrandomIds().is_trace_id_random()


class TestPropagators:
    """``OTEL_PROPAGATORS``."""

    def test_those_of_the_api_are_known_by_name(self, lines, monkeypatch):
        monkeypatch.setattr(importlib.metadata, "entry_points", None)

        sdk.set_propagators(
            ("tracecontext", "baggage"), Log(as_json=False), Shield(Log(as_json=False))
        )

        assert propagate.get_global_textmap().fields == {"traceparent", "tracestate", "baggage"}
        assert lines == []

    @pytest.mark.usefixtures("lines")
    def test_none_is_none(self):
        sdk.set_propagators(
            ("tracecontext", "none"), Log(as_json=False), Shield(Log(as_json=False))
        )

        assert propagate.get_global_textmap().fields == set()

    def test_one_that_is_not_installed_is_said(self, lines):
        sdk.set_propagators(
            ("xray", "tracecontext"), Log(as_json=False), Shield(Log(as_json=False))
        )

        assert lines == ["OTEL_PROPAGATORS: 'xray' is not installed; going on without it"]
        assert "traceparent" in propagate.get_global_textmap().fields

    def test_one_that_the_customer_ships_is_found(self, lines, monkeypatch):
        monkeypatch.delitem(sdk._PROPAGATORS, "tracecontext")

        sdk.set_propagators(("tracecontext",), Log(as_json=False), Shield(Log(as_json=False)))

        assert propagate.get_global_textmap().fields == {"traceparent", "tracestate"}
        assert lines == []

    def test_one_that_cannot_be_imported_costs_itself(self, lines, monkeypatch):
        broken = EntryPoint("broken", "not_there_at_all:Propagator", "opentelemetry_propagator")
        monkeypatch.setattr(_importlib_metadata, "entry_points", lambda **_: [broken])

        sdk.set_propagators(
            ("broken", "tracecontext"), Log(as_json=False), Shield(Log(as_json=False))
        )

        assert len(lines) == 1
        assert lines[0].startswith("cannot load the propagator 'broken': ModuleNotFoundError")
        assert "traceparent" in propagate.get_global_textmap().fields


class TestAProviderThatIsThereAlready:
    """Set before us: the API lets nobody replace it."""

    def test_one_of_the_sdk_gets_our_processor_and_makes_the_roots(self, monkeypatch):
        provider = TracerProvider(shutdown_on_exit=False)
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
        noted: list[ReadableSpan] = []
        taken: list[ReadableSpan] = []

        tracer = sdk.start({}, noted.append, taken.append)
        assert tracer is not None
        tracer.start_span("root").end()
        trace.get_tracer("x").start_span("child").end()

        assert [span.name for span in taken] == ["root", "child"]
        assert [span.name for span in noted] == ["root", "child"]
        assert trace.get_tracer_provider() is provider

    def test_one_of_another_kind_has_no_tracer_for_us(self, monkeypatch):
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())

        assert sdk.start({}, lambda _: None, lambda _: None) is None


class TestTheService:
    """Whose spans a tracer makes."""

    def test_it_is_that_of_the_provider_s_resource(self):
        resource = Resource({"service.name": "shop"})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)

        assert sdk.service_name(provider.get_tracer("x")) == "shop"

    def test_a_tracer_that_is_not_the_sdk_s_has_none(self):
        assert sdk.service_name(trace.NoOpTracer()) == ""
