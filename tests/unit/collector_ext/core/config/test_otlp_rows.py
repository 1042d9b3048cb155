"""What the settings of exporters of OTLP came to, in words."""

from __future__ import annotations

import pytest

from collector_ext.core.config import otlp_rows
from collector_ext.core.config.configuration import BasicAuth, BearerAuth, SigV4Auth
from tests.fakes.documents import exporter_of, read

DOCUMENT = """
receivers: {otlp: }
extensions: {bearertokenauth: {token: hunter2}}
exporters:
  otlp_http/a:
    endpoint: https://a.example/otlp?key=hunter2
    headers: {x-key: hunter2, x-empty: ''}
    proxy_url: http://me:hunter2@proxy.example
    auth: {authenticator: bearertokenauth}
    tls: {ca_file: /ca.pem, cert_file: /c.pem, key_pem: hunter2, server_name_override: b.example}
  otlp_http/b: {traces_endpoint: 'http://b.example/t', logs_endpoint: 'https://b.example'}
  otlp_grpc: {endpoint: 'c.example', compression: none, tls: {insecure: true}}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_http/a, otlp_http/b, otlp_grpc]}
"""


class TestTheSettings:
    """Are what each key came to; what is secret is hidden."""

    def test_of_an_exporter_over_http(self):
        assert otlp_rows.of_http(exporter_of(read(DOCUMENT), "otlp_http/a")) == [
            ("traces", "https://a.example/otlp/v1/traces"),
            ("metrics", "https://a.example/otlp/v1/metrics"),
            ("logs", "https://a.example/otlp/v1/logs"),
            ("headers", "x-key: ********, x-empty: (empty)"),
            ("compression", "gzip"),
            ("timeout", "30 s"),
            ("tls", "1.2 or newer, trusts /ca.pem, as /c.pem, server name b.example"),
            ("encoding", "proto"),
            ("proxy", "http://proxy.example"),
            ("auth", "bearer, ********"),
        ]

    def test_of_an_exporter_over_grpc(self):
        assert otlp_rows.of_grpc(exporter_of(read(DOCUMENT), "otlp_grpc")) == [
            ("traces", "grpc://c.example:4317"),
            ("metrics", "grpc://c.example:4317"),
            ("logs", "grpc://c.example:4317"),
            ("headers", "none"),
            ("compression", "none"),
            ("timeout", "5 s"),
            ("tls", "none: in clear text"),
        ]

    def test_of_tls_that_trusts_anyone(self):
        document = DOCUMENT.replace("insecure: true", "insecure_skip_verify: true")

        tls = dict(otlp_rows.of_grpc(exporter_of(read(document), "otlp_grpc")))["tls"]
        assert tls == "1.2 or newer, any certificate will do"

    @pytest.mark.parametrize("exporter", ["otlp_http/a", "otlp_grpc"])
    def test_are_what_the_exporter_says_of_itself(self, exporter):
        found = exporter_of(read(DOCUMENT), exporter)
        of = otlp_rows.of_grpc if exporter == "otlp_grpc" else otlp_rows.of_http

        assert found.rows() == of(found)

    def test_that_differ_between_signals_are_told_for_each(self):
        found = otlp_rows.of_http(exporter_of(read(DOCUMENT), "otlp_http/b"))

        assert [row for row in found if "tls" in row[0]] == [
            ("tls of traces", "none: in clear text"),
            ("tls of logs", "1.2 or newer"),
        ]

    @pytest.mark.parametrize(
        ("auth", "said"),
        [
            (BasicAuth("me", "hunter2"), "basic, me:********"),
            (BearerAuth("hunter2"), "bearer, ********"),
            (SigV4Auth("r", "xray", "arn:r"), "signature V4, xray in r, as arn:r"),
            (SigV4Auth("", "", ""), "signature V4, no service in the region of AWS_REGION"),
        ],
    )
    def test_of_who_signs(self, auth, said):
        found = exporter_of(read(DOCUMENT), "otlp_grpc")
        signed = type(found)(**{**found.__dict__, "auth": auth})

        assert otlp_rows.of_grpc(signed)[-1] == ("auth", said)
