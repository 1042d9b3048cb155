"""How URLs and addresses are taken apart, and shown."""

from __future__ import annotations

import pytest

from collector_ext.core.config import address
from collector_ext.core.config.configuration import Destination


def parts(url):
    """The parts of a URL."""
    found = address.split_url(url)
    assert found
    return (found.scheme, found.user, found.host, found.port, found.target)


class TestAUrl:
    """Has a scheme of HTTP and a host; what cannot be told apart is none."""

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://otlp.example", ("https", "", "otlp.example", 443, "/")),
            ("HTTP://OTLP.Example:4318/a/", ("http", "", "otlp.example", 4318, "/a/")),
            ("http://[::1]:1234", ("http", "", "::1", 1234, "/")),
            ("https://[::1]", ("https", "", "::1", 443, "/")),
            (
                "http://user:pass@otlp.example?k=v#x",
                ("http", "user:pass", "otlp.example", 80, "/?k=v"),
            ),
            ("http://otlp.example/a b", ("http", "", "otlp.example", 80, "/a%20b")),
        ],
    )
    def test_is_taken_apart(self, url, expected):
        assert parts(url) == expected

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
        ],
    )
    def test_that_cannot_be_used_is_none(self, url):
        assert address.split_url(url) is None


class TestAGrpcEndpoint:
    """Needs no scheme; its port is 4317 unless it names one."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("otlp.example", ("", "otlp.example:4317")),
            ("OTLP.example:443", ("", "otlp.example:443")),
            ("[::1]:1", ("", "[::1]:1")),
            ("http://otlp.example", ("http", "otlp.example:4317")),
            ("https://otlp.example:443/ignored?x", ("https", "otlp.example:443")),
            ("dns:///otlp.example:1", ("", "otlp.example:1")),
            ("dns:otlp.example:1", ("", "otlp.example:1")),
        ],
    )
    def test_is_taken_apart(self, text, expected):
        assert address.split_target(text) == expected

    @pytest.mark.parametrize(
        "text", ["", "ftp://x", "x:port", "a b", "user:pass@x", "exämple", "http://"]
    )
    def test_that_cannot_be_used_is_none(self, text):
        assert address.split_target(text) is None


class TestAPath:
    """Of a signal is appended before the query."""

    @pytest.mark.parametrize(
        ("target", "expected"),
        [("/", "/v1/logs"), ("/otlp/", "/otlp/v1/logs"), ("/in?key=k", "/in/v1/logs?key=k")],
    )
    def test_is_appended(self, target, expected):
        assert address.with_path(target, "/v1/logs") == expected


class TestWhatIsShown:
    """Tells the peer, and no secret."""

    @pytest.mark.parametrize(
        ("destination", "name"),
        [
            (Destination("https", "a.example", 443, "/v1?key=secret"), "https://a.example/v1"),
            (Destination("http", "::1", 4318, "/"), "http://[::1]:4318/"),
        ],
    )
    def test_of_a_destination_is_its_url_without_the_query(self, destination, name):
        assert address.name_of(destination) == name

    @pytest.mark.parametrize(
        ("uri", "shown"),
        [
            ("/var/task/collector.yaml", "/var/task/collector.yaml"),
            ("file:/var/task/c.yaml", "file:/var/task/c.yaml"),
            ("env:CONFIG", "env:CONFIG"),
            ("yaml:exporters::otlp::headers::key: secret", "yaml:..."),
            ("https://user:secret@a.example/c.yaml?key=secret", "https://a.example/c.yaml"),
            ("s3://b.s3.eu-west-1.amazonaws.com/c", "s3://b.s3.eu-west-1.amazonaws.com/c"),
        ],
    )
    def test_of_a_uri_is_where_it_leads(self, uri, shown):
        assert address.shown(uri) == shown


class TestLoopback:
    """Is recognised in any spelling that the resolver takes for it."""

    @pytest.mark.parametrize(
        "host",
        [
            "localhost",
            "LocalHost.",
            "api.localhost",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0",
            "0.0.0.0",  # noqa: S104 - named, not bound
            "::1",
            "::",
            "0:0:0:0:0:0:0:1",
            "::ffff:127.0.0.1",
        ],
    )
    def test_is_this_machine(self, host):
        assert address.is_loopback(host)

    @pytest.mark.parametrize("host", ["otlp.example", "10.0.0.1", "128.0.0.1", "fe80::1", "::2"])
    def test_is_no_other_machine(self, host):
        assert not address.is_loopback(host)
