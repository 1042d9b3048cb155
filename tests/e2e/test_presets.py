"""Each document in the layer's collector-config/, followed by a real collector to its end."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys

import pytest
import trustme

from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from lambda_sandbox.sandbox import Sandbox
from tests.e2e.conftest import ROOT
from tests.fakes.tunnel import Tunnel

KEY = "key-of-nobody"
BASIC = "Basic " + base64.b64encode(f"42:{KEY}".encode()).decode()

ENDPOINTS = {
    # preset: the variables to set, and the header that has to arrive
    "honeycomb": (
        {"HONEYCOMB_API_ENDPOINT": "{url}", "HONEYCOMB_API_KEY": KEY},
        "x-honeycomb-team",
    ),
    "new-relic": ({"NEW_RELIC_OTLP_ENDPOINT": "{url}", "NEW_RELIC_LICENSE_KEY": KEY}, "api-key"),
    "jaeger": ({"JAEGER_ENDPOINT": "{url}"}, ""),
    "gateway": ({"GATEWAY_ENDPOINT": "{url}"}, ""),
    "grafana-cloud": (
        {
            "GRAFANA_CLOUD_OTLP_ENDPOINT": "{url}",
            "GRAFANA_CLOUD_INSTANCE_ID": "42",
            "GRAFANA_CLOUD_API_KEY": KEY,
        },
        "authorization",
    ),
}


@pytest.fixture
def run(layer, example):
    """Invoke the example function once under a preset; return its sandbox, which has ended."""

    def run_under(preset, **variables):
        document = f"{layer}/collector-config/{preset}.yaml"
        function = example(OPENTELEMETRY_COLLECTOR_CONFIG_URI=document, **variables)
        with Sandbox(function) as sandbox:
            assert sandbox.invoke(b"{}").status == "success"
            sandbox.wait_frozen()
        return [line.text for line in sandbox.logs if line.source == "extension"]

    return run_under


class TestAPreset:
    """It delivers to where its variables say, with the key where it belongs."""

    @pytest.mark.parametrize("preset", ENDPOINTS)
    def test_delivers(self, run, endpoint, preset):
        variables, header = ENDPOINTS[preset]

        lines = run(
            preset, **{name: value.format(url=endpoint.url) for name, value in variables.items()}
        )

        (request,) = endpoint.requests
        assert request.path == "/v1/traces"
        assert request.headers["content-type"] == "application/x-protobuf"
        assert request.headers["content-encoding"] == "gzip"
        if header:
            expected = BASIC if header == "authorization" else KEY
            assert request.headers[header] == expected
        assert len(endpoint.spans()) == 3
        assert not any(KEY in line or BASIC in line for line in lines)

    def test_delivers_to_datadog(self, run, tmp_path):
        authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("otlp.datadoghq.eu").configure_cert(context)
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        with OtlpEndpoint(tls=context) as endpoint, Tunnel(endpoint.url) as tunnel:
            run(
                "datadog",
                DD_SITE="datadoghq.eu",
                DD_API_KEY=KEY,
                HTTPS_PROXY=tunnel.url,
                SSL_CERT_FILE=str(tmp_path / "ca.pem"),
            )

            assert tunnel.hosts == ["otlp.datadoghq.eu:443"]
            (request,) = endpoint.requests
        assert (request.path, request.headers["dd-api-key"]) == ("/v1/traces", KEY)

    def test_delivers_to_x_ray_signed(self, run, tmp_path):
        authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("xray.us-east-1.amazonaws.com").configure_cert(context)
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        with OtlpEndpoint(tls=context) as endpoint, Tunnel(endpoint.url) as tunnel:
            run("xray", HTTPS_PROXY=tunnel.url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))

            assert tunnel.hosts == ["xray.us-east-1.amazonaws.com:443"]
            (request,) = endpoint.requests
        assert request.path == "/v1/traces"
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=ASIA")
        assert "/us-east-1/xray/aws4_request" in request.headers["authorization"]

    def test_writes_to_the_log(self, run):
        lines = run("debug")

        assert any("hello" in line for line in lines)
        assert any("http" in line for line in lines)

    def test_writes_to_a_file(self, run, tmp_path):
        run("file", OTLP_FILE=str(tmp_path / "spans.jsonl"))

        (line,) = (tmp_path / "spans.jsonl").read_text().splitlines()
        assert len(json.loads(line)["resourceSpans"][0]["scopeSpans"]) >= 1

    @pytest.mark.parametrize("preset", sorted(path.name for path in ROOT.glob("config/*.yaml")))
    def test_is_found_valid(self, preset):
        variables = {name: "value" for found, _ in ENDPOINTS.values() for name in found}
        variables |= {name: "http://127.0.0.1:1" for name in variables if "ENDPOINT" in name}
        variables |= {"DD_API_KEY": KEY, "AWS_REGION": "us-east-1", "PATH": "/usr/bin:/bin"}

        finished = subprocess.run(
            [sys.executable, "-m", "collector_ext", "validate", f"config/{preset}"],
            check=False,
            cwd=ROOT,
            env=variables,
            capture_output=True,
            text=True,
        )

        assert finished.returncode == 0, finished.stdout + finished.stderr
