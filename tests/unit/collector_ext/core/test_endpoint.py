"""How OpenTelemetry's variables are read."""

from __future__ import annotations

import pytest

from collector_ext.core.endpoint import endpoints_from
from collector_ext.core.otlp import LOGS, METRICS, TRACES

URL = "OTEL_EXPORTER_OTLP_ENDPOINT"
BASE = {URL: "https://otlp.example"}


def endpoint(signal=TRACES, **variables):
    """The endpoint of a signal; variables without their common prefix."""
    spelled = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    found = endpoints_from({**BASE, **spelled})
    assert found.complaints == ()
    return found.by_signal[signal]


def complaints(**variables):
    """What is said about these variables."""
    spelled = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    return endpoints_from({**BASE, **spelled}).complaints


class TestTheUrl:
    """A base URL serves all signals; a signal's own URL is used as it is."""

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://otlp.example", "https://otlp.example/v1/traces"),
            ("https://otlp.example/", "https://otlp.example/v1/traces"),
            ("HTTP://otlp.example:4318/otlp/", "http://otlp.example:4318/otlp/v1/traces"),
            ("http://[::1]:1234", "http://[::1]:1234/v1/traces"),
            ("https://[::1]", "https://[::1]/v1/traces"),
            ("http://user:pass@otlp.example#x", "http://otlp.example/v1/traces"),
        ],
    )
    def test_the_path_of_the_signal_is_appended(self, url, name):
        assert endpoint(ENDPOINT=url).name == name

    def test_a_query_is_sent_and_not_shown(self):
        found = endpoint(ENDPOINT="https://otlp.example/in?key=secret")

        assert found.target == "/in/v1/traces?key=secret"
        assert found.name == "https://otlp.example/in/v1/traces"

    def test_a_signal_may_have_its_own(self):
        found = endpoint(METRICS, METRICS_ENDPOINT="http://metrics.example:9090")

        assert (found.name, found.port) == ("http://metrics.example:9090/", 9090)

    def test_a_signal_may_be_the_only_one(self):
        found = endpoints_from({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs.example/in"})

        assert set(found.by_signal) == {LOGS}

    def test_the_host_is_in_small_letters(self):
        assert endpoint(ENDPOINT="https://OTLP.Example").host == "otlp.example"

    def test_an_empty_one_is_none(self):
        assert endpoints_from({URL: " "}).by_signal == {}

    @pytest.mark.parametrize(
        "url",
        [
            "otlp.example:4317",
            "ftp://otlp.example",
            "https://",
            "https://otlp.example:port",
            "https://otlp.example:0",
            "https://otlp.example:65536",
            "https://otlp.exämple",
            "https://otlp.example/\r\nX: 1",
            "https://user:1234/secret@otlp.example",
            "https://user:1234?secret@otlp.example",
            "https://user:1234#secret@otlp.example",
            "https://user:sec/ret@otlp.example",
        ],
    )
    def test_one_that_cannot_be_used_is_said_and_not_shown(self, url):
        found = endpoints_from({URL: url})

        assert found.by_signal == {}
        assert found.complaints == (
            f"{URL} is not an http:// or https:// URL that can be used; nothing is exported to it",
        )


class TestOurselves:
    """An endpoint that is our own receiver would export in a circle."""

    @pytest.mark.parametrize(
        "host",
        [
            "localhost",
            "LocalHost.",
            "api.localhost",
            "127.0.0.1",
            "127.0.0.2",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0",
            "0.0.0.0",  # noqa: S104 - named, not bound
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
        ],
    )
    def test_it_is_recognised(self, host):
        assert endpoint(ENDPOINT=f"http://{host}:4318").is_local((4318,))

    @pytest.mark.parametrize(
        "url",
        [
            "http://localhost:4317",
            "http://otlp.example:4318",
            "http://127.example:4318",
            "http://10.0.0.127:4318",
            "http://[fd00::1]:4318",
            "http://[1::]:4318",
        ],
    )
    def test_others_are_not(self, url):
        assert not endpoint(ENDPOINT=url).is_local((4318,))


class TestHeaders:
    """They are decoded, and their values are nobody's business."""

    def test_they_are_decoded_as_the_specification_says(self):
        found = endpoint(HEADERS="api-key=a%20b%3D, x-team = core,")

        assert found.headers == (("api-key", "a b="), ("x-team", "core"))

    def test_a_value_may_hold_an_equals_sign(self):
        assert endpoint(HEADERS="authorization=Basic eA==").headers == (
            ("authorization", "Basic eA=="),
        )

    def test_those_of_a_signal_take_the_place_of_the_others(self):
        assert endpoint(HEADERS="a=1", TRACES_HEADERS="b=2").headers == (("b", "2"),)

    def test_those_that_frame_the_request_are_ours(self):
        text = "Content-Length=3,host=x,transfer-encoding=chunked,connection=close,a=1"
        text += ",content-type=text/plain,content-encoding=br"
        found = endpoints_from({**BASE, "OTEL_EXPORTER_OTLP_HEADERS": text})

        assert found.by_signal[TRACES].headers == (("a", "1"),)
        assert found.complaints == (
            (
                "OTEL_EXPORTER_OTLP_HEADERS names headers that belong to the request itself; "
                "those are not sent"
            ),
        )

    def test_a_user_in_the_url_is_sent_as_a_header(self):
        found = endpoint(ENDPOINT="https://us%40er:pass@otlp.example")

        assert found.headers == (("Authorization", "Basic dXNAZXI6cGFzcw=="),)

    def test_unless_there_is_one(self):
        found = endpoint(ENDPOINT="https://user@otlp.example", HEADERS="authorization=Bearer x")

        assert found.headers == (("authorization", "Bearer x"),)

    @pytest.mark.parametrize(
        "text", ["secret", "=secret", "a b=secret", "a=%0D%0Asecret", "a=%E2%82%AC"]
    )
    def test_a_part_that_cannot_be_sent_is_said_and_not_shown(self, text):
        (complaint,) = complaints(HEADERS=text)

        assert "OTEL_EXPORTER_OTLP_HEADERS" in complaint
        assert "secret" not in complaint


class TestTheTimeout:
    """It is in milliseconds, whatever Python's SDK makes of it."""

    @pytest.mark.parametrize(("text", "timeout_s"), [("", 10.0), ("2500", 2.5), ("100", 0.1)])
    def test_it_is_read_as_milliseconds(self, text, timeout_s):
        assert endpoint(TIMEOUT=text).timeout_s == timeout_s

    def test_a_signal_may_have_its_own(self):
        assert endpoint(LOGS, TIMEOUT="2000", LOGS_TIMEOUT="3000").timeout_s == 3.0

    def test_one_that_must_be_seconds_is_taken_so_and_both_readings_are_named(self):
        found = endpoints_from({**BASE, "OTEL_EXPORTER_OTLP_TIMEOUT": "5"})

        assert found.by_signal[TRACES].timeout_s == 5.0
        (complaint,) = found.complaints
        assert complaint == (
            "OTEL_EXPORTER_OTLP_TIMEOUT='5' is 5 ms by the specification and 5 s to Python's SDK; "
            "using 5 s"
        )

    @pytest.mark.parametrize("text", ["ten", "-1", "0", "inf", "nan"])
    def test_one_that_is_none_is_said(self, text):
        assert complaints(TIMEOUT=text) == (
            f"OTEL_EXPORTER_OTLP_TIMEOUT={text!r} is not a number of milliseconds; using 10000",
        )


class TestTheRest:
    """Compression, certificates, protocols."""

    @pytest.mark.parametrize(("text", "is_gzip"), [("", True), ("gzip", True), ("none", False)])
    def test_compression_is_gzip_unless_it_is_none(self, text, is_gzip):
        assert endpoint(COMPRESSION=text).is_gzip is is_gzip

    def test_a_compression_that_is_not_known_is_said(self):
        assert complaints(COMPRESSION="br") == (
            "OTEL_EXPORTER_OTLP_COMPRESSION='br' is neither gzip nor none; using gzip",
        )

    def test_files_are_passed_on(self):
        found = endpoint(CERTIFICATE="/ca", CLIENT_KEY="/key", CLIENT_CERTIFICATE="/cert")

        assert (found.certificate, found.client_key, found.client_certificate) == (
            "/ca",
            "/key",
            "/cert",
        )

    def test_a_protocol_that_is_not_spoken_is_said_once(self):
        assert complaints(PROTOCOL="grpc") == (
            "OTEL_EXPORTER_OTLP_PROTOCOL='grpc' is not supported here; using http/protobuf",
        )

    @pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
    def test_what_comes_is_forwarded_as_it_came(self, protocol):
        assert complaints(PROTOCOL=protocol) == ()
