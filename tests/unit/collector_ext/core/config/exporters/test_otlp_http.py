"""``otlp_http`` in a document."""

from __future__ import annotations

import pytest

from collector_ext.core.config.configuration import BearerAuth, Destination, OtlpHttp, SigV4Auth
from collector_ext.core.config.exporters import otlp_http
from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from tests.fakes.documents import section, tls

PLACE = "exporters.otlp_http/x"


def exporter(text, authenticators=None):
    """The exporter that a text makes, without a remark."""
    found = section(text, PLACE)
    made = otlp_http.read(found, authenticators or {})
    assert found.remarks.complaints == ()
    return made


def complaints(text):
    """The exporter that a text makes, and what is said."""
    found = section(text, PLACE)
    return otlp_http.read(found, {}), found.remarks.complaints


class TestAnEndpoint:
    """Serves all signals, or one."""

    def test_has_the_signals_paths_appended(self):
        assert exporter("endpoint: https://a.example/otlp") == OtlpHttp(
            id="otlp_http/x",
            destinations={
                s: Destination("https", "a.example", 443, "/otlp" + s.path) for s in SIGNALS
            },
            headers=dict.fromkeys(SIGNALS, ()),
            is_json=False,
            is_gzip=dict.fromkeys(SIGNALS, True),
            timeout_s=dict.fromkeys(SIGNALS, 30.0),
            tls=dict.fromkeys(SIGNALS, tls()),
            proxy="",
            auth=None,
        )

    def test_of_a_signal_is_taken_as_it_is(self):
        found = exporter("logs_endpoint: http://a.example:1/in?k=v")

        assert found.destinations == {LOGS: Destination("http", "a.example", 1, "/in?k=v")}
        assert found.tls == {LOGS: tls(is_plain=True)}

    def test_of_a_signal_goes_before_the_general(self):
        found = exporter("endpoint: https://a.example\nmetrics_endpoint: https://b.example/m")

        assert [found.destinations[s].host for s in (TRACES, METRICS, LOGS)] == [
            "a.example",
            "b.example",
            "a.example",
        ]

    def test_that_is_missing_is_said(self):
        assert complaints("timeout: 1s") == (
            None,
            (
                (
                    "collector.yaml:1: exporters.otlp_http/x has no endpoint; "
                    "nothing is exported to it"
                ),
            ),
        )

    def test_that_is_no_url_is_said_and_not_shown(self):
        assert complaints("endpoint: user:secret@a.example") == (
            None,
            (
                (
                    "collector.yaml:1: exporters.otlp_http/x.endpoint is not an http:// or "
                    "https:// URL that can be used; nothing is exported to it"
                ),
            ),
        )

    def test_of_a_signal_that_is_no_url_leaves_the_others(self):
        found, said = complaints("endpoint: https://a.example\nlogs_endpoint: x")

        assert set(found.destinations) == {TRACES, METRICS}
        assert said == (
            (
                "collector.yaml:2: exporters.otlp_http/x.logs_endpoint is not an http:// or "
                "https:// URL that can be used; nothing is exported to it"
            ),
        )


class TestTheOtherKeys:
    """Are those of the Collector."""

    def test_are_read(self):
        found = exporter(
            "endpoint: https://a.example\ntimeout: 2s\nencoding: json\ncompression: none\n"
            "headers: {X-Key: k}\nproxy_url: http://proxy.example:3128\n"
            "tls: {ca_file: /ca.pem}\nauth: {authenticator: bearer}",
            {"bearer": BearerAuth("t")},
        )

        assert (found.is_json, found.proxy, found.auth) == (
            True,
            "http://proxy.example:3128",
            BearerAuth("t"),
        )
        assert (found.timeout_s[LOGS], found.is_gzip[LOGS]) == (2.0, False)
        assert (found.headers[LOGS], found.tls[LOGS].ca_file) == ((("X-Key", "k"),), "/ca.pem")

    def test_no_timeout_is_a_long_one(self):
        found = exporter("endpoint: https://a.example\ntimeout: 0s")

        assert found.timeout_s[TRACES] == 900.0

    def test_the_user_of_the_url_is_a_header(self):
        found = exporter("endpoint: https://me:p%40ss@a.example")

        assert found.headers[TRACES] == (("Authorization", "Basic bWU6cEBzcw=="),)

    def test_the_user_of_the_url_gives_way_to_a_header(self):
        found = exporter("endpoint: https://me:p@a.example\nheaders: {authorization: x}")

        assert found.headers[TRACES] == (("authorization", "x"),)

    def test_an_unknown_authenticator_is_the_end_of_it(self):
        found, said = complaints("endpoint: https://a.example\nauth: {authenticator: x}")

        assert (found, len(said)) == (None, 1)

    @pytest.mark.parametrize(
        "key", ["retry_on_failure", "sending_queue", "profiles_endpoint", "http2_ping_timeout"]
    )
    def test_some_mean_nothing_here(self, key):
        found = section(f"endpoint: https://a.example\n{key}: x", PLACE)

        otlp_http.read(found, {})

        assert found.remarks.complaints == ()
        assert len(found.remarks.ignored) == 1


class TestASignature:
    """Takes what it leaves out from the endpoint's name."""

    @pytest.mark.parametrize(
        ("host", "auth", "expected"),
        [
            ("xray.eu-west-1.amazonaws.com", ("", ""), ("eu-west-1", "xray")),
            ("logs.cn-north-1.amazonaws.com.cn", ("", ""), ("cn-north-1", "logs")),
            ("aps-workspaces.us-east-1.amazonaws.com", ("", ""), ("us-east-1", "aps")),
            ("xray.eu-west-1.amazonaws.com", ("us-east-1", "osis"), ("us-east-1", "osis")),
            ("a.example", ("", "osis"), ("", "osis")),
        ],
    )
    def test_is_completed(self, host, auth, expected):
        found = exporter(
            f"endpoint: https://{host}\nauth: {{authenticator: sigv4auth}}",
            {"sigv4auth": SigV4Auth(region=auth[0], service=auth[1], role_arn="arn:role")},
        )

        assert found.auth == SigV4Auth(region=expected[0], service=expected[1], role_arn="arn:role")
