"""The components that a document defines."""

from __future__ import annotations

import pytest

from collector_ext.core.config import components, mapped
from collector_ext.core.config.components import Components, load
from collector_ext.core.config.configuration import GrpcReceiver
from collector_ext.core.config.section import Remarks, Section
from collector_ext.core.config.substitution import Substitution
from collector_ext.edge.senders import table
from collector_ext.edge.senders.debug import Debug
from collector_ext.edge.yaml_document import compose
from tests.fakes.documents import FILE, members


class Asked:
    """The components of a document, and a pipeline that asks for them."""

    def __init__(self, text, **variables):
        self.remarks = Remarks(FILE)
        substitution = Substitution(variables, {}, compose, self.remarks)
        exporters = table.readers()
        self.components = Components(members(text), substitution, self.remarks, exporters)
        node = compose("receivers:\nprocessors:\nexporters:\nextensions:")
        self.asker = Section(node, "pipelines.traces", self.remarks)


class TestATable:
    """Names modules that can read."""

    @pytest.mark.parametrize("module", components.AUTHENTICATORS.values())
    def test_has_modules_with_keys(self, module):
        assert load(module).KEYS
        assert callable(load(module).read)


class TestAnExporter:
    """Is read once, when it is asked for."""

    def test_is_read(self):
        asked = Asked("exporters: {debug/x: }")

        assert asked.components.exporter("debug/x", asked.asker) == Debug("debug/x", "basic")
        assert asked.components.exporters == {"debug/x": Debug("debug/x", "basic")}

    def test_that_nobody_asks_for_may_be_wrong(self):
        asked = Asked("exporters: {awsxray: , debug: {x: '${UNSET}'}}")

        assert asked.components.exporters == {}
        assert asked.remarks.complaints == ()

    def test_that_is_wrong_is_said_once(self):
        asked = Asked("exporters: {otlp_http: }")

        found = [asked.components.exporter("otlp_http", asked.asker) for _ in range(2)]

        assert (found, len(asked.remarks.complaints)) == ([None, None], 1)

    def test_of_an_unknown_type_is_said(self):
        asked = Asked("exporters:\n  oltphttp/x: {}")

        assert asked.components.exporter("oltphttp/x", asked.asker) is None
        assert asked.remarks.complaints == (
            (
                "collector.yaml:2: exporters.oltphttp/x is not in this collector "
                "(did you mean otlphttp?); it is left out"
            ),
        )

    def test_that_is_not_defined_is_said(self):
        asked = Asked("exporters: {debug/a: }")

        assert asked.components.exporter("debug/b", asked.asker) is None
        assert asked.remarks.complaints == (
            (
                "collector.yaml:3: pipelines.traces.exporters names debug/b, which is not in "
                "exporters (did you mean debug/a?); it is left out"
            ),
        )

    def test_may_be_a_connector_that_there_is_not(self):
        asked = Asked("connectors:\n  spanmetrics: {}")

        assert asked.components.exporter("spanmetrics", asked.asker) is None
        assert asked.remarks.complaints == ()
        assert asked.remarks.ignored == (
            "collector.yaml:2: connectors.spanmetrics is not in this collector; it is left out",
        )

    def test_may_be_where_a_reference_leads(self):
        asked = Asked("exporters: ${EXPORTERS}", EXPORTERS="{debug: {verbosity: normal}}")

        assert asked.components.exporter("debug", asked.asker) == Debug("debug", "normal")

    def test_of_no_mapping_is_said(self):
        asked = Asked("exporters: [debug]")

        asked.components.exporter("debug", asked.asker)

        assert asked.remarks.complaints[0] == (
            "collector.yaml:1: exporters is not a mapping; it is read as empty"
        )


class TestAReceiver:
    """Is ``otlp``."""

    def test_may_be_over_grpc(self):
        asked = Asked("receivers: {otlp: , otlp/2: {protocols: {grpc: }}}")

        assert asked.components.has_receiver("otlp", asked.asker)
        assert asked.components.grpc_receiver is None
        assert asked.components.has_receiver("otlp/2", asked.asker)
        assert asked.components.grpc_receiver == GrpcReceiver("127.0.0.1", 4317, 4 * 1024 * 1024)

    def test_that_is_missing_is_said_and_is_there_all_the_same(self):
        asked = Asked("receivers: {otlp: }")

        assert asked.components.has_receiver("otlp/2", asked.asker)
        assert asked.remarks.complaints == (
            (
                "collector.yaml:1: pipelines.traces.receivers names otlp/2, "
                "which is not in receivers; OTLP/HTTP is received all the same"
            ),
        )

    def test_of_another_type_is_said(self):
        asked = Asked("receivers:\n  telemetryapi:")

        assert not asked.components.has_receiver("telemetryapi", asked.asker)
        assert asked.remarks.complaints == (
            (
                "collector.yaml:2: receivers.telemetryapi is not in this collector; it is left out"
                "; instead: OTEL_LAYER_FUNCTION_LOGS, OTEL_LAYER_PLATFORM_SPANS and "
                "OTEL_LAYER_METRICS"
            ),
        )


class TestAProcessor:
    """Is one of the table, or one that there is nothing to do for."""

    @pytest.mark.parametrize("component_type", sorted(mapped.KEYS))
    def test_may_be_nothing_to_do(self, component_type):
        asked = Asked(f"processors: {{{component_type}: }}")

        assert asked.components.processor(component_type, asked.asker) is None
        assert asked.remarks.complaints == ()

    def test_may_be_of_the_table(self):
        asked = Asked("processors: {resource: {attributes: [{key: a, value: b, action: upsert}]}}")

        found = [asked.components.processor("resource", asked.asker) for _ in range(2)]

        assert found[0] is not None
        assert found[0] is found[1]
        assert asked.remarks.complaints == ()

    def test_of_an_unknown_type_is_said(self):
        asked = Asked("processors:\n  transform: {}")

        assert asked.components.processor("transform", asked.asker) is None
        assert asked.remarks.complaints == (
            "collector.yaml:2: processors.transform is not in this collector; it is left out",
        )

    def test_of_a_known_type_has_to_be_defined(self):
        asked = Asked("processors: {}")

        assert asked.components.processor("batch", asked.asker) is None
        assert asked.remarks.complaints == (
            (
                "collector.yaml:2: pipelines.traces.processors names batch, "
                "which is not in processors; it is left out"
            ),
        )


class TestAnExtension:
    """Signs requests, or means nothing here."""

    def test_that_means_nothing_is_said(self):
        asked = Asked("extensions:\n  health_check:")

        asked.components.check_extensions(("health_check",), asked.asker)

        assert asked.remarks.ignored == (
            "collector.yaml:2: extensions.health_check means nothing here; it is left out",
        )

    def test_that_means_nothing_need_not_be_defined(self):
        asked = Asked("extensions: {}")

        asked.components.check_extensions(("health_check",), asked.asker)

        assert asked.remarks.ignored == (
            (
                "collector.yaml:4: pipelines.traces.extensions names health_check, "
                "which means nothing here; it is left out"
            ),
        )

    def test_that_signs_and_is_defined_is_nothing_to_remark(self):
        asked = Asked("extensions: {sigv4auth: }")

        asked.components.check_extensions(("sigv4auth",), asked.asker)

        assert (asked.remarks.complaints, asked.remarks.ignored) == ((), ())

    def test_that_signs_has_to_be_defined(self):
        asked = Asked("extensions: {basicauth/x: }")

        asked.components.check_extensions(("basicauth/y",), asked.asker)

        assert asked.remarks.complaints == (
            (
                "collector.yaml:4: pipelines.traces.extensions names basicauth/y, "
                "which is not in extensions (did you mean basicauth/x?)"
            ),
        )

    def test_that_cannot_be_used_leaves_its_exporter_out(self):
        asked = Asked(
            "extensions: {basicauth: , pprof: }\n"
            "exporters: {otlp_http: {endpoint: 'http://a', auth: {authenticator: basicauth}}}"
        )

        assert asked.components.exporter("otlp_http", asked.asker) is None
        assert len(asked.remarks.complaints) == 2
