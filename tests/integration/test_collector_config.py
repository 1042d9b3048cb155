"""Configurations as users write them, and what is wrong with them.

The documents are in tests/vectors/collector_configs; where they come from is in the README there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from collector_ext.core.config import explanation
from collector_ext.core.config.configuration import SigV4Auth
from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.secrets import Fault
from collector_ext.edge.config_sources import source_from

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors" / "collector_configs"
SECRET = "hunter2"  # noqa: S105 - what must not be said

GRPC = "    OTLP/HTTP on 127.0.0.1:4318, OTLP/gRPC on 127.0.0.1:4317"
HTTP = "    OTLP/HTTP on 127.0.0.1:4318"
OWN_TELEMETRY = (
    "service.telemetry is ignored: this collector writes one line for each change of its state"
)


class Read:
    """What a document comes to."""

    def __init__(self, path, secrets=None, **variables):
        environment = {"OPENTELEMETRY_COLLECTOR_CONFIG_URI": str(path), **variables}
        self.configuration = source_from(environment).configuration(secrets or {})
        self.exporters = self.configuration.exporters
        self.way = explanation.pipelines(self.configuration, "4318")
        self.remarks = [line.replace(f"{path}:", "") for line in self.configuration.remarks]
        self.ignored = [line.replace(f"{path}:", "") for line in self.configuration.ignored]


def vector(name, **variables):
    """What a document of a user comes to."""
    return Read(VECTORS / f"{name}.yaml", **variables)


@pytest.fixture
def bad(tmp_path):
    """Reads a document that is wrong."""

    def read(text, secrets=None, **variables):
        path = tmp_path / "collector.yaml"
        path.write_text(text)
        return Read(path, secrets, **variables)

    return read


class TestFirstSteps:
    """The README's example: gRPC in, gRPC out, and the log."""

    def test_does_what_it_says(self):
        found = vector("01_first_steps")

        assert found.way == [
            "traces",
            GRPC,
            "    => debug: the log",
            "    => otlp: grpc://backend.example:4317",
        ]
        assert found.exporters["debug"].verbosity == "detailed"
        assert not found.exporters["otlp"].tls[TRACES].is_plain
        assert (found.remarks, found.ignored) == ([], [])


class TestTheLayersDefault:
    """Everything to the log."""

    def test_does_what_it_says(self):
        found = vector("02_layer_default")

        assert found.way == [
            "traces",
            GRPC,
            "    => debug: the log",
            "metrics",
            GRPC,
            "    => debug: the log",
        ]
        assert (found.remarks, found.ignored) == ([], [f"21: {OWN_TELEMETRY}"])


class TestGrafanaCloud:
    """Old names, and a variable in a header."""

    def test_does_what_it_says(self):
        found = vector("03_grafana_cloud", GRAFANA_BASIC=SECRET)

        assert found.way == [
            "traces",
            GRPC,
            "    => otlphttp: https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/traces",
            "metrics",
            GRPC,
            "    => otlphttp: https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/metrics",
            "    => logging: the log",
        ]
        assert found.exporters["otlphttp"].headers[METRICS] == (
            ("Authorization", f"Basic {SECRET}"),
        )
        assert found.exporters["logging"].verbosity == "detailed"
        assert (found.remarks, found.ignored) == ([], [f"26: {OWN_TELEMETRY}"])

    def test_without_its_variable_says_so(self):
        assert vector("03_grafana_cloud").remarks == [
            (
                "16: exporters.otlphttp.headers.Authorization names the variable GRAFANA_BASIC, "
                "which is not set; it is empty"
            )
        ]

    def test_may_be_named_by_the_former_variable(self):
        path = str(VECTORS / "03_grafana_cloud.yaml")
        source = source_from({"OPENTELEMETRY_COLLECTOR_CONFIG_FILE": path, "GRAFANA_BASIC": "x"})

        assert (source.name, source.configuration({}).remarks) == (path, ())


class TestHoneycombOverGrpc:
    """A URL where gRPC has a target, extensions that mean nothing here."""

    def test_does_what_it_says(self):
        found = vector("04_honeycomb_grpc", HONEYCOMB_KEY=SECRET)

        assert found.way == ["traces", GRPC, "    => otlp: grpc://api.honeycomb.io:443"]
        assert found.exporters["otlp"].headers[TRACES] == (
            ("x-honeycomb-team", SECRET),
            ("x-honeycomb-dataset", "testing"),
        )
        assert found.remarks == []
        assert found.ignored == [
            "18: extensions.health_check means nothing here; it is left out",
            "19: extensions.pprof means nothing here; it is left out",
            "20: extensions.zpages means nothing here; it is left out",
        ]


class TestOpenSearchIngestion:
    """An endpoint for each signal, signed."""

    def test_does_what_it_says(self):
        found = vector("05_opensearch_ingestion")

        assert found.way == [
            "traces",
            HTTP,
            "    => otlphttp: https://traces.us-east-1.osis.example/v1/traces",
            "metrics",
            HTTP,
            "    => otlphttp: https://metrics.us-east-1.osis.example/v1/metrics",
            "logs",
            HTTP,
            "    => logging: the log",
            "    => otlphttp: https://logs.us-east-1.osis.example/v1/logs",
        ]
        assert found.exporters["otlphttp"].auth == SigV4Auth("us-east-1", "osis", "")
        assert not found.exporters["otlphttp"].is_gzip[LOGS]
        assert found.exporters["logging"].verbosity == "detailed"
        assert (found.remarks, found.ignored) == ([], [])


class TestLokiAndMimir:
    """A signal whose only exporter there is not; the others work."""

    def test_does_what_it_says(self):
        found = vector("06_loki_and_mimir")

        assert found.way == [
            "traces",
            HTTP,
            "    => otlphttp: https://tracing.tools.example/otlp/v1/traces",
            "logs",
            HTTP,
            "    => otlphttp/logs: https://loki.tools.example/otlp/v1/logs",
        ]
        assert found.remarks == [
            "12: exporters.prometheusremotewrite is not in this collector; it is left out",
            (
                "40: service.pipelines.metrics has no exporter that can be used; "
                "its data points go nowhere"
            ),
            (
                "5: receivers.telemetryapi is not in this collector; it is left out; instead: "
                "OTEL_LAYER_FUNCTION_LOGS, OTEL_LAYER_PLATFORM_SPANS and OTEL_LAYER_METRICS"
            ),
            "25: processors.coldstart is not in this collector; it is left out",
        ]
        assert found.ignored == []


class TestNewRelic:
    """Variables without a scheme, two exporters of a type, a resource."""

    VARIABLES = {  # noqa: RUF012 - nobody writes to it
        "NEW_RELIC_OPENTELEMETRY_METRIC_ENDPOINT": "https://otlp.nr-data.net:4317",
        "NEW_RELIC_OPENTELEMETRY_TRACE_ENDPOINT": "otlp.nr-data.net:443",
        "NEW_RELIC_LICENSE_KEY": SECRET,
        "ROLE": "orders",
        "ENVIRONMENT": "prod",
        "REGION": "eu",
        "NEW_RELIC_ACCOUNT_ID": "123",
    }

    def test_does_what_it_says(self):
        found = vector("07_new_relic", **self.VARIABLES)

        assert found.way == [
            "traces",
            HTTP,
            "    -> resource",
            "    => logging: the log",
            "    => otlp/new_relic_trace: grpc://otlp.nr-data.net:443",
            "metrics",
            HTTP,
            "    -> resource",
            "    => logging: the log",
            "    => otlp/new_relic_metric: grpc://otlp.nr-data.net:4317",
        ]
        assert found.exporters["otlp/new_relic_trace"].headers[TRACES] == (("api-key", SECRET),)
        assert (found.remarks, found.ignored) == ([], [])


class TestTheLayerOfAVendor:
    """A processor and an extension that there are not."""

    def test_does_what_it_says(self):
        found = vector("08_vendor_layer", SW_APM_DATA_CENTER="eu-01", SW_APM_API_TOKEN=SECRET)

        assert found.way == [
            "traces",
            GRPC,
            "    -> resource",
            "    => otlp: grpc://otel.collector.eu-01.cloud.example:443",
            "    => logging: the log",
            "metrics",
            GRPC,
            "    -> resource",
            "    => otlp: grpc://otel.collector.eu-01.cloud.example:443",
            "    => logging: the log",
        ]
        assert found.exporters["otlp"].headers[TRACES] == (("authorization", f"Bearer {SECRET}"),)
        assert found.remarks == [
            "16: processors.resourcedetection is not in this collector; it is left out"
        ]
        assert found.ignored == [
            f"45: {OWN_TELEMETRY}",
            "2: extensions.solarwindsapmsettings means nothing here; it is left out",
        ]


class TestCloudWatch:
    """New names, two signatures, metrics that cannot leave."""

    def test_does_what_it_says(self):
        found = vector("09_cloudwatch", AWS_REGION="eu-west-1")

        assert found.way == [
            "logs",
            HTTP,
            "    => otlp_http/logs: https://logs.eu-west-1.amazonaws.com/v1/logs",
            "traces",
            HTTP,
            "    => otlp_http/traces: https://xray.eu-west-1.amazonaws.com/v1/traces",
        ]
        assert found.exporters["otlp_http/logs"].auth == SigV4Auth("eu-west-1", "logs", "")
        assert found.exporters["otlp_http/traces"].auth == SigV4Auth("eu-west-1", "xray", "")
        assert found.exporters["otlp_http/logs"].headers[LOGS] == (
            ("x-aws-log-group", "/logs/orders"),
            ("x-aws-log-stream", "default"),
        )
        assert found.remarks == [
            "19: exporters.awsemf is not in this collector; it is left out",
            (
                "52: service.pipelines.metrics has no exporter that can be used; "
                "its data points go nowhere"
            ),
        ]
        assert found.ignored == [
            f"35: {OWN_TELEMETRY}",
            "27: extensions.health_check means nothing here; it is left out",
        ]


class TestDroppedHealthChecks:
    """Processors in their order, three exporters, and what is our own affair."""

    def test_does_what_it_says(self):
        found = vector("10_drop_health_checks")

        assert found.way == [
            "traces",
            HTTP,
            "    -> filter/health",
            "    -> attributes/account",
            "    -> probabilistic_sampler",
            "    => debug: the log",
            "    => file/traces: /tmp/traces.out",
            "    => otlphttp/gateway: http://gateway.internal:5318/v1/traces",
        ]
        assert found.exporters["otlphttp/gateway"].timeout_s[TRACES] == 2.0
        assert found.remarks == []
        assert found.ignored == [
            "32: exporters.file/traces.append is ignored: it always is",
            (
                "36: exporters.otlphttp/gateway.retry_on_failure is ignored: requests are repeated "
                "within the time there is until the environment freezes"
            ),
            (
                "38: exporters.otlphttp/gateway.sending_queue is ignored: what waits is held in "
                "one buffer of a fixed size"
            ),
        ]


class TestEveryDocument:
    """Of a user is told of here, and no secret of it is ever said."""

    def test_has_its_origin_in_the_readme(self):
        readme = (VECTORS / "README.md").read_text()

        assert [
            p.name for p in VECTORS.glob("*.yaml") if f"`{p.name}` | https://" not in readme
        ] == []

    @pytest.mark.parametrize("path", sorted(VECTORS.glob("*.yaml")), ids=lambda path: path.stem)
    def test_is_explained_without_its_secrets(self, path):
        names = ("GRAFANA_BASIC", "HONEYCOMB_KEY", "NEW_RELIC_LICENSE_KEY", "SW_APM_API_TOKEN")
        found = Read(path, **dict.fromkeys(names, SECRET))
        settings = [explanation.settings(exporter) for exporter in found.exporters.values()]

        assert SECRET not in str((found.remarks, found.ignored, found.way, settings))


PRESETS = {
    "datadog": {"DD_API_KEY": SECRET},
    "debug": {},
    "file": {},
    "gateway": {"GATEWAY_ENDPOINT": "http://collector.internal:4318"},
    "grafana-cloud": {
        "GRAFANA_CLOUD_OTLP_ENDPOINT": "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp",
        "GRAFANA_CLOUD_INSTANCE_ID": "1",
        "GRAFANA_CLOUD_API_KEY": SECRET,
    },
    "honeycomb": {"HONEYCOMB_API_KEY": SECRET},
    "jaeger": {"JAEGER_ENDPOINT": "http://jaeger.internal:4318"},
    "new-relic": {"NEW_RELIC_LICENSE_KEY": SECRET},
    "xray": {"AWS_REGION": "eu-west-1"},
}
"""What has to be set for each."""


class TestAPreset:
    """Is sound once the variables are set that its comments name."""

    def test_is_listed_here(self):
        assert sorted(path.stem for path in (ROOT / "config").glob("*.yaml")) == sorted(PRESETS)

    @pytest.mark.parametrize("name", PRESETS)
    def test_is_sound(self, name):
        found = Read(ROOT / "config" / f"{name}.yaml", **PRESETS[name])

        assert "traces" in found.way
        assert (found.remarks, found.ignored) == ([], [])

    @pytest.mark.parametrize("name", PRESETS)
    def test_names_its_variables_and_its_source(self, name):
        comments = (ROOT / "config" / f"{name}.yaml").read_text().partition("\nreceivers:")[0]

        assert [variable for variable in PRESETS[name] if variable not in comments] == []
        assert "# Source: https://" in comments or "# Sources: https://" in comments


REST = """
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_http]}
    logs: {receivers: [otlp], exporters: [debug]}
"""


class TestABadConfiguration:
    """Costs what cannot be used and one line with file, line and key; the rest is exported."""

    def document(self, exporter):
        """A document whose one exporter is in lines 4 and 5."""
        return f"receivers: {{otlp: }}\nexporters:\n  debug:\n  otlp_http:\n    {exporter}{REST}"

    @pytest.mark.parametrize(
        ("exporter", "said", "pipelines"),
        [
            pytest.param(
                "{endpoint: 'http://a.example', timeot: 1s}",
                (
                    "5: exporters.otlp_http.timeot is not a key that is known here "
                    "(did you mean timeout?); it is ignored"
                ),
                ["traces", "logs"],
                id="unknown key",
            ),
            pytest.param(
                "{endpoint: 'http://a.example', timeout: 5}",
                (
                    "5: exporters.otlp_http.timeout is '5', which is not a duration such as 200ms "
                    "or 1m30s; using 30s"
                ),
                ["traces", "logs"],
                id="wrong type",
            ),
        ],
    )
    def test_of_an_exporter_that_still_works(self, bad, exporter, said, pipelines):
        found = bad(self.document(exporter))

        assert [pipeline.id for pipeline in found.configuration.pipelines] == pipelines
        assert found.remarks == [said]

    def test_a_missing_endpoint(self, bad):
        found = bad(self.document("{timeout: 5s}"))

        assert [pipeline.id for pipeline in found.configuration.pipelines] == ["logs"]
        assert found.remarks == [
            "4: exporters.otlp_http has no endpoint; nothing is exported to it",
            "8: service.pipelines.traces has no exporter that can be used; its spans go nowhere",
        ]

    def test_an_unreadable_file(self, tmp_path):
        found = Read(tmp_path / "none.yaml")

        assert found.configuration.pipelines == ()
        assert found.configuration.remarks == (
            (
                f"OPENTELEMETRY_COLLECTOR_CONFIG_URI={tmp_path / 'none.yaml'}: cannot be read: "
                "No such file or directory; nothing is exported"
            ),
        )

    def test_an_unset_variable(self, bad):
        found = bad(
            self.document("{endpoint: 'http://${env:HOST}.example', headers: {k: '${KEY}'}}")
        )

        assert found.remarks == [
            (
                "5: exporters.otlp_http.endpoint names the variable HOST, which is not set; "
                "it is empty"
            ),
            (
                "5: exporters.otlp_http.headers.k names the variable KEY, which is not set; "
                "it is empty"
            ),
        ]

    def test_yaml_that_does_not_parse(self, bad, tmp_path):
        found = bad("receivers:\n  otlp:\n   http: [a\nexporters:\n")

        assert found.configuration.pipelines == ()
        assert found.configuration.remarks == (
            (
                f"OPENTELEMETRY_COLLECTOR_CONFIG_URI={tmp_path / 'collector.yaml'}: "
                "line 4, column 10: expected ',' or ']', but got ':'; nothing is exported"
            ),
        )

    def test_a_secret_that_does_not_resolve(self, bad):
        reference = "secretsmanager:orders#key"
        document = self.document(f"{{endpoint: 'http://a', headers: {{k: '${{{reference}}}'}}}}")

        found = bad(document, {reference: Fault("AccessDeniedException")})

        assert [pipeline.id for pipeline in found.configuration.pipelines] == ["traces", "logs"]
        assert found.remarks == [
            (
                "5: exporters.otlp_http.headers.k names secretsmanager:orders#key: "
                "AccessDeniedException; it is empty"
            )
        ]

    def test_no_pipelines(self, bad):
        found = bad("receivers: {otlp: }\nexporters: {debug: }\nservice:\n")

        assert found.configuration.pipelines == ()
        assert found.remarks == ["3: service.pipelines has no pipelines; nothing is exported"]

    def test_a_pipeline_with_an_unknown_component(self, bad):
        found = bad(self.document("{endpoint: 'http://a.example'}").replace("[debug]", "[debig]"))

        assert [pipeline.id for pipeline in found.configuration.pipelines] == ["traces"]
        assert found.remarks == [
            (
                "9: service.pipelines.logs.exporters names debig, which is not in exporters "
                "(did you mean debug?); it is left out"
            ),
            (
                "9: service.pipelines.logs has no exporter that can be used; "
                "its log records go nowhere"
            ),
        ]
