"""How OpenTelemetry's variables make a configuration."""

from __future__ import annotations

import pytest

from collector_ext.core.config.address import name_of
from collector_ext.core.config.configuration import Destination, OtlpGrpc, OtlpHttp
from collector_ext.core.config.variables import configuration_from, has_endpoint
from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from tests.fakes.documents import exporter_of, tls

URL = "OTEL_EXPORTER_OTLP_ENDPOINT"
BASE = {URL: "https://otlp.example"}

NO_TLS = tls(is_plain=True)
TLS = tls()


def read(**variables):
    """What these variables make, given without their common prefix, beside an endpoint."""
    spelled = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    return configuration_from({**BASE, **spelled})


def exporter(name="otlp_http", **variables):
    """The exporter of that id; there is nothing to remark."""
    configuration = read(**variables)
    assert configuration.remarks == ()
    return configuration.exporters[name]


class TestOneEndpoint:
    """Serves all signals by one exporter; each signal has a pipeline."""

    def test_is_an_exporter_over_http(self):
        assert exporter() == OtlpHttp(
            id="otlp_http",
            destinations={s: Destination("https", "otlp.example", 443, s.path) for s in SIGNALS},
            headers=dict.fromkeys(SIGNALS, ()),
            is_json=False,
            is_gzip=dict.fromkeys(SIGNALS, True),
            timeout_s=dict.fromkeys(SIGNALS, 10.0),
            tls=dict.fromkeys(SIGNALS, TLS),
            proxy="",
            auth=None,
        )

    def test_makes_a_pipeline_for_each_signal(self):
        found = read().pipelines

        assert [(p.id, p.signal, p.processors, p.exporters) for p in found] == [
            (signal.name, signal, (), ("otlp_http",)) for signal in SIGNALS
        ]

    def test_without_one_nothing_is_exported(self):
        found = configuration_from({URL: " "})

        assert (found.exporters, found.pipelines, found.remarks) == ({}, (), ())

    def test_that_is_no_url_is_said_and_not_shown(self):
        found = read(ENDPOINT="https://user:sec/ret@otlp.example")

        assert found.exporters == {}
        assert found.remarks == (
            f"{URL} is not an http:// or https:// URL that can be used; nothing is exported to it",
        )

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("http://otlp.example:4318/otlp/", "http://otlp.example:4318/otlp/v1/traces"),
            ("https://otlp.example/in?key=secret", "https://otlp.example/in/v1/traces"),
        ],
    )
    def test_has_the_path_of_the_signal_appended(self, url, name):
        assert name_of(exporter(ENDPOINT=url).destinations[TRACES]) == name

    def test_over_http_has_no_tls(self):
        assert exporter(ENDPOINT="http://a.example").tls[LOGS] == NO_TLS


class TestASignalsOwnVariables:
    """Go before the general ones."""

    def test_its_endpoint_is_taken_as_it_is(self):
        found = exporter(METRICS_ENDPOINT="http://metrics.example:9090").destinations

        assert name_of(found[METRICS]) == "http://metrics.example:9090/"
        assert name_of(found[TRACES]) == "https://otlp.example/v1/traces"

    def test_it_may_be_the_only_one(self):
        found = configuration_from({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs.example/in"})

        assert [pipeline.id for pipeline in found.pipelines] == ["logs"]
        assert list(exporter_of(found, "otlp_http").destinations) == [LOGS]

    def test_each_may_have_its_own_options(self):
        found = exporter(
            HEADERS="a=1", LOGS_HEADERS="b=2", LOGS_COMPRESSION="none", LOGS_TIMEOUT="500"
        )

        assert found.headers == {TRACES: (("a", "1"),), METRICS: (("a", "1"),), LOGS: (("b", "2"),)}
        assert found.is_gzip == {TRACES: True, METRICS: True, LOGS: False}
        assert found.timeout_s == {TRACES: 10.0, METRICS: 10.0, LOGS: 0.5}

    def test_each_may_have_its_own_protocol(self):
        found = read(TRACES_PROTOCOL="grpc", LOGS_PROTOCOL="http/json")

        assert [pipeline.exporters for pipeline in found.pipelines] == [
            ("otlp_grpc",),
            ("otlp_http",),
            ("otlp_http/json",),
        ]


class TestTheProtocol:
    """Is http/protobuf unless it is another that the specification has."""

    def test_may_be_json(self):
        assert exporter("otlp_http/json", PROTOCOL="http/json").is_json

    def test_may_be_grpc(self):
        found = exporter("otlp_grpc", PROTOCOL="grpc", ENDPOINT="otlp.example", HEADERS="X-Key=k")

        assert found == OtlpGrpc(
            id="otlp_grpc",
            targets=dict.fromkeys(SIGNALS, "otlp.example:4317"),
            headers=dict.fromkeys(SIGNALS, (("x-key", "k"),)),
            is_gzip=dict.fromkeys(SIGNALS, True),
            timeout_s=dict.fromkeys(SIGNALS, 10.0),
            tls=dict.fromkeys(SIGNALS, TLS),
            auth=None,
        )

    def test_that_is_unknown_is_said(self):
        assert read(PROTOCOL="http/thrift").remarks == (
            (
                "OTEL_EXPORTER_OTLP_PROTOCOL='http/thrift' is none of http/protobuf, http/json, "
                "grpc; using http/protobuf"
            ),
        )

    @pytest.mark.parametrize(
        ("endpoint", "insecure", "is_plain"),
        [
            ("otlp.example", "", False),
            ("otlp.example", "true", True),
            ("otlp.example", "False", False),
            ("http://otlp.example", "", True),
            ("https://otlp.example", "true", False),
        ],
    )
    def test_of_grpc_is_plain_by_its_scheme_or_when_insecure(self, endpoint, insecure, is_plain):
        found = exporter("otlp_grpc", PROTOCOL="grpc", ENDPOINT=endpoint, INSECURE=insecure)

        assert found.tls[TRACES].is_plain == is_plain

    def test_insecure_is_true_or_false(self):
        found = read(PROTOCOL="grpc", ENDPOINT="otlp.example", INSECURE="1")

        assert found.remarks == (
            "OTEL_EXPORTER_OTLP_INSECURE='1' is neither true nor false; using false",
        )

    def test_of_grpc_needs_a_target(self):
        found = read(PROTOCOL="grpc", ENDPOINT="user:secret@otlp.example")

        assert found.pipelines == ()
        assert found.remarks == (
            f"{URL} is not a host:port that can be used; nothing is exported to it",
        )


class TestHeaders:
    """Are pairs between commas, percent-encoded; never shown."""

    def test_are_decoded(self):
        found = exporter(HEADERS=" Authorization = Basic%20YQ== , x-b=a%2Cb=c,, ")

        assert found.headers[TRACES] == (("Authorization", "Basic YQ=="), ("x-b", "a,b=c"))

    def test_the_user_of_the_url_is_one(self):
        found = exporter(ENDPOINT="https://me:p%40ss@otlp.example")

        assert found.headers[TRACES] == (("Authorization", "Basic bWU6cEBzcw=="),)

    def test_the_user_of_the_url_gives_way_to_an_authorization(self):
        found = exporter(ENDPOINT="https://me:pass@otlp.example", HEADERS="authorization=Bearer x")

        assert found.headers[TRACES] == (("authorization", "Bearer x"),)

    @pytest.mark.parametrize("text", ["secret", "a b=secret", "x=%0Asecret"])
    def test_a_part_that_is_none_is_said_and_not_shown(self, text):
        assert read(HEADERS=text).remarks == (
            "OTEL_EXPORTER_OTLP_HEADERS has a part that is not name=value; that part is not sent",
        )

    def test_those_of_the_request_itself_are_not_sent(self):
        found = read(HEADERS="Host=x,a=1")

        assert exporter_of(found, "otlp_http").headers[TRACES] == (("a", "1"),)
        assert found.remarks == (
            (
                "OTEL_EXPORTER_OTLP_HEADERS names headers that belong to the request itself; "
                "those are not sent"
            ),
        )


class TestTheOtherOptions:
    """Are the default where they cannot be used."""

    def test_files_are_of_tls(self):
        found = exporter(CERTIFICATE="/ca.pem", CLIENT_CERTIFICATE="/c.pem", CLIENT_KEY="/k.pem")

        assert found.tls[TRACES] == tls(ca_file="/ca.pem", cert_file="/c.pem", key_file="/k.pem")

    def test_compression_is_gzip_or_none(self):
        found = read(COMPRESSION="zstd")

        assert exporter_of(found, "otlp_http").is_gzip[TRACES]
        assert found.remarks == (
            "OTEL_EXPORTER_OTLP_COMPRESSION='zstd' is neither gzip nor none; using gzip",
        )

    @pytest.mark.parametrize(("text", "seconds"), [("100", 0.1), ("2500", 2.5), (" 3e3 ", 3.0)])
    def test_a_timeout_is_in_milliseconds(self, text, seconds):
        assert exporter(TIMEOUT=text).timeout_s[TRACES] == seconds

    def test_a_timeout_that_could_only_be_seconds_is_both_explained_and_taken_as_such(self):
        found = read(TIMEOUT="10")

        assert exporter_of(found, "otlp_http").timeout_s[TRACES] == 10.0
        assert found.remarks == (
            (
                "OTEL_EXPORTER_OTLP_TIMEOUT='10' is 10 ms by the specification and 10 s to "
                "Python's SDK; using 10 s"
            ),
        )

    @pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
    def test_a_timeout_that_is_none_is_the_default(self, text):
        found = read(TIMEOUT=text)

        assert exporter_of(found, "otlp_http").timeout_s[TRACES] == 10.0
        assert found.remarks == (
            f"OTEL_EXPORTER_OTLP_TIMEOUT={text!r} is not a number of milliseconds; using 10000",
        )


class TestWhetherThereIsAnEndpoint:
    """Any of them counts, a usable one or not."""

    def test_of_one_signal_is_enough(self):
        assert has_endpoint({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "?"})

    def test_of_none_is_none(self):
        assert not has_endpoint({URL: " ", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"})
