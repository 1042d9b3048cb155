"""Which proxy stands between us and a host."""

from __future__ import annotations

import pytest

from collector_ext.core.proxy import Proxy, is_exempt, proxy_of, standard_proxy

PROXY = Proxy("proxy.example", 3128, "")


class TestTheUrlOfAProxy:
    """It is read as curl reads it; what cannot be used is said without what it holds."""

    @pytest.mark.parametrize(
        ("url", "proxy"),
        [
            ("http://proxy.example:3128", PROXY),
            ("http://proxy.example:3128/", PROXY),
            ("HTTP://Proxy.Example:3128", PROXY),
            ("proxy.example:3128", PROXY),
            ("http://proxy.example", Proxy("proxy.example", 80, "")),
            ("http://[::1]:3128", Proxy("::1", 3128, "")),
            ("http://me:p%40ss@[::1]:3128", Proxy("::1", 3128, "Basic bWU6cEBzcw==")),
            ("me:word@proxy.example:3128", Proxy("proxy.example", 3128, "Basic bWU6d29yZA==")),
        ],
    )  # fmt: skip
    def test_one_that_can_be_used(self, url, proxy):
        assert proxy_of(url) == proxy

    @pytest.mark.parametrize("scheme", ["https", "socks5", "socks5h"])
    def test_another_protocol_is_named(self, scheme):
        with pytest.raises(ValueError, match=f"by '{scheme}' is not supported"):
            proxy_of(f"{scheme}://me:hunter2@proxy.example:1080")

    @pytest.mark.parametrize(
        "url",
        [
            "http://me:hunter2@:3128",
            "http://me:hunter2@proxy.example:port",
            "http://me:hunter2@proxy.example:65536",
            "http://me:hunter2@proxy example:1",
            "http://me:hunter2@pröxy.example:1",
            "me:hunter2://proxy",
        ],
    )
    def test_a_url_that_is_none_is_refused_without_its_password(self, url):
        with pytest.raises(ValueError, match="the URL of the proxy cannot be used") as raised:
            proxy_of(url)

        assert "hunter2" not in str(raised.value)

    def test_its_name_holds_no_password(self):
        assert proxy_of("http://me:hunter2@[::1]:3128").name == "http://[::1]:3128"


class TestTheStandardVariables:
    """As curl and Python's clients read them."""

    @pytest.mark.parametrize(
        ("variables", "scheme"),
        [
            ({"HTTPS_PROXY": "http://proxy.example:3128"}, "https"),
            ({"https_proxy": "proxy.example:3128", "HTTPS_PROXY": "http://other:1"}, "https"),
            ({"https_proxy": " ", "HTTPS_PROXY": "http://proxy.example:3128"}, "https"),
            ({"HTTP_PROXY": "http://proxy.example:3128"}, "http"),
            ({"http_proxy": "http://proxy.example:3128", "REQUEST_METHOD": "GET"}, "http"),
            ({"ALL_PROXY": "http://proxy.example:3128"}, "http"),
            ({"all_proxy": "http://proxy.example:3128", "ALL_PROXY": "http://other:1"}, "https"),
            ({"HTTPS_PROXY": "http://proxy.example:3128", "ALL_PROXY": "http://other:1"}, "https"),
        ],
    )  # fmt: skip
    def test_the_one_for_the_scheme_before_the_one_for_all(self, variables, scheme):
        assert standard_proxy(variables, scheme, "otlp.example", 443) == PROXY

    @pytest.mark.parametrize(
        "variables",
        [
            {},
            {"HTTPS_PROXY": ""},
            {"HTTP_PROXY": "http://proxy.example:3128"},
            {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "example"},
            {"HTTPS_PROXY": "http://proxy.example:3128", "no_proxy": "*", "NO_PROXY": "other"},
        ],
    )
    def test_there_may_be_none(self, variables):
        assert standard_proxy(variables, "https", "otlp.example", 443) is None

    def test_what_a_cgi_server_made_of_a_header_is_not_taken(self):
        variables = {"HTTP_PROXY": "http://evil.example:1", "REQUEST_METHOD": "GET"}

        assert standard_proxy(variables, "http", "otlp.example", 80) is None

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "127.9.9.9"])
    def test_loopback_is_reached_without(self, host):
        assert standard_proxy({"ALL_PROXY": "http://proxy:1"}, "http", host, 4318) is None

    def test_one_that_cannot_be_used_is_said_with_its_variable(self):
        with pytest.raises(ValueError, match=r"^ALL_PROXY: a proxy by 'socks5' is not supported"):
            standard_proxy({"ALL_PROXY": "socks5://proxy:1"}, "http", "otlp.example", 80)


class TestNoProxy:
    """Names with those below them, addresses, networks; each with a port if it has one."""

    @pytest.mark.parametrize(
        ("entry", "host"),
        [
            ("*", "otlp.example"),
            ("otlp.example", "otlp.example"),
            ("OTLP.example", "otlp.Example."),
            ("example", "otlp.example"),
            (".example", "otlp.example"),
            ("*.example", "otlp.example"),
            (".otlp.example", "otlp.example"),
            ("other, otlp.example ,more", "otlp.example"),
            ("other otlp.example", "otlp.example"),
            ("otlp.example:443", "otlp.example"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3:443", "10.1.2.3"),
            ("10.0.0.0/8", "10.1.2.3"),
            ("10.1.2.3/8", "10.1.2.3"),
            ("fd00::1", "fd00:0::1"),
            ("[fd00::1]", "fd00::1"),
            ("[fd00::1]:443", "fd00::1"),
            ("fd00::/8", "fd00::1"),
        ],
    )
    def test_it_names(self, entry, host):
        assert is_exempt(entry, host, 443)

    @pytest.mark.parametrize(
        ("entry", "host"),
        [
            ("", "otlp.example"),
            (",. ,*.", "otlp.example"),
            ("tlp.example", "otlp.example"),
            ("otlp.example", "example"),
            ("otlp.example:80", "otlp.example"),
            ("otlp.example:port", "otlp.example"),
            ("0.1.2.3", "10.1.2.3"),
            ("10.0.0.0/8", "11.1.2.3"),
            ("10.0.0.0/8", "otlp.example"),
            ("10.0.0.0/99", "10.1.2.3"),
            ("fd00::/8", "10.1.2.3"),
            ("fd00::1", "fd00::2"),
            ("fd00::1", "fd00::no"),
            ("[fd00::1]:80", "fd00::1"),
        ],
    )
    def test_it_does_not_name(self, entry, host):
        assert not is_exempt(entry, host, 443)
