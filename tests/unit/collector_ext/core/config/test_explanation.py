"""The configuration in words."""

from __future__ import annotations

import pytest

from collector_ext.core.config import explanation
from collector_ext.core.config.configuration import (
    BasicAuth,
    BearerAuth,
    Debug,
    File,
    SigV4Auth,
)
from tests.fakes.documents import read

DOCUMENT = """
receivers: {otlp: {protocols: {grpc: }}}
processors: {resource: {attributes: [{key: a, action: delete}]}}
extensions: {bearertokenauth: {token: hunter2}}
exporters:
  debug:
  otlp_http/a:
    endpoint: https://a.example/otlp?key=hunter2
    headers: {x-key: hunter2, x-empty: ''}
    proxy_url: http://me:hunter2@proxy.example
    auth: {authenticator: bearertokenauth}
    tls: {ca_file: /ca.pem, cert_file: /c.pem, key_pem: hunter2, insecure_skip_verify: true,
          server_name_override: b.example}
  otlp_http/b: {traces_endpoint: 'http://b.example/t'}
  otlp_grpc: {endpoint: 'c.example', compression: none, tls: {insecure: true}}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [resource]
      exporters: [otlp_http/a, otlp_http/b, debug]
    logs: {receivers: [otlp], exporters: [otlp_grpc, otlp_http/b]}
"""


class TestPipelines:
    """Are blocks of lines: what comes in, what is done, where it goes."""

    def test_are_told(self):
        assert explanation.pipelines(read(DOCUMENT), "4318") == [
            "traces",
            "    OTLP/HTTP on 127.0.0.1:4318, OTLP/gRPC on 127.0.0.1:4317",
            "    -> resource",
            "    => otlp_http/a: https://a.example/otlp/v1/traces",
            "    => otlp_http/b: http://b.example/t",
            "    => debug: the log",
            "logs",
            "    OTLP/HTTP on 127.0.0.1:4318, OTLP/gRPC on 127.0.0.1:4317",
            "    => otlp_grpc: grpc://c.example:4317",
            "    => otlp_http/b: nowhere: it has no endpoint for these",
        ]


class TestSettings:
    """Are what each key came to; what is secret is hidden."""

    def test_of_an_exporter_over_http(self):
        assert explanation.settings(read(DOCUMENT).exporters["otlp_http/a"]) == [
            "otlp_http/a",
            "    traces       https://a.example/otlp/v1/traces",
            "    metrics      https://a.example/otlp/v1/metrics",
            "    logs         https://a.example/otlp/v1/logs",
            "    headers      x-key: ********, x-empty: (empty)",
            "    compression  gzip",
            "    timeout      30 s",
            (
                "    tls          1.2 or newer, any certificate will do, trusts /ca.pem, "
                "as /c.pem, server name b.example"
            ),
            "    encoding     proto",
            "    proxy        http://proxy.example",
            "    auth         bearer, ********",
        ]

    def test_of_an_exporter_over_grpc(self):
        assert explanation.settings(read(DOCUMENT).exporters["otlp_grpc"]) == [
            "otlp_grpc",
            "    traces       grpc://c.example:4317",
            "    metrics      grpc://c.example:4317",
            "    logs         grpc://c.example:4317",
            "    headers      none",
            "    compression  none",
            "    timeout      5 s",
            "    tls          none: in clear text",
        ]

    def test_that_differ_between_signals_are_told_for_each(self):
        text = "otlp_http/b: {traces_endpoint: 'http://b.example/t', logs_endpoint: 'https://b.example'}"
        document = DOCUMENT.replace("otlp_http/b: {traces_endpoint: 'http://b.example/t'}", text)
        found = explanation.settings(read(document).exporters["otlp_http/b"])

        assert [line for line in found if "tls" in line] == [
            "    tls of traces  none: in clear text",
            "    tls of logs    1.2 or newer",
        ]

    @pytest.mark.parametrize(
        ("exporter", "lines"),
        [
            (Debug("debug", "normal"), ["debug", "    verbosity  normal"]),
            (File("f", "/a", is_json=True), ["f", "    path    /a", "    format  json"]),
            (File("f", "/a", is_json=False), ["f", "    path    /a", "    format  proto"]),
        ],
    )
    def test_of_the_others(self, exporter, lines):
        assert explanation.settings(exporter) == lines

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
        found = read(DOCUMENT).exporters["otlp_grpc"]
        signed = type(found)(**{**found.__dict__, "auth": auth})

        assert explanation.settings(signed)[-1] == f"    auth         {said}"
