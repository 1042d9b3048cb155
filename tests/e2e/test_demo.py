"""What ``make demo`` shows."""

from __future__ import annotations

import contextlib
import io
import re

import pytest

from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from scripts import demo


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "demo" / "traces.html"


@pytest.fixture(scope="module")
def shown(layer, page_file):
    """What the demo prints, once for all tests here."""
    with contextlib.redirect_stdout(io.StringIO()) as screen:
        demo.run(layer, page_file)
    return screen.getvalue()


class TestTheDemo:
    """Four invocations, each with its answer and its trace."""

    def test_each_has_its_answer(self, shown):
        *answers, last = re.findall(r"^  answer  (.*)$", shown, re.MULTILINE)

        assert answers == [
            '200 {"message": "OK"}',
            '200 {"message": "OK"}',
            "GreetingRefusedError: the event asked for a failure",
        ]
        assert re.fullmatch(r"\S+Z \S+ Task timed out after 3.00 seconds", last)

    def test_each_has_its_trace(self, shown):
        assert len(set(re.findall(r"^Trace (\w{32})$", shown, re.MULTILINE))) == 4

    def test_only_the_first_is_a_cold_start(self, shown):
        assert shown.count("cold start, invocation ") == 1

    def test_the_calls_are_in_it(self, shown):
        calls = re.findall(r"(GET|POST) http://127.0.0.1:\d+(/\w+) → (\d+)", shown)

        assert calls == [
            ("GET", "/hello", "200"),
            ("POST", "/messages", "201"),
            ("GET", "/hello", "200"),
            ("POST", "/messages", "201"),
            ("GET", "/hello", "200"),
            ("GET", "/hello", "200"),
        ]

    def test_the_failure_is_in_it(self, shown):
        assert "│  app.GreetingRefusedError: the event asked for a failure" in shown

    def test_the_call_that_hung_is_in_it(self, shown):
        called = r"\n {6}GET http://127.0.0.1:\d+/slow\n {6}had not ended: timeout\n"

        assert re.search(called, shown)

    def test_the_last_line_names_the_page(self, shown, page_file):
        assert shown.splitlines()[-1] == f"The same traces as a page: {page_file}"

    def test_the_page_has_the_same(self, shown, page_file):
        page = page_file.read_text(encoding="utf-8")

        assert "4 traces · 11 spans" in page
        assert all(trace_id in page for trace_id in re.findall(r"Trace (\w{32})", shown))


class TestWhenItCannotGoOn:
    """One sentence says why."""

    def test_without_a_layer(self, tmp_path):
        with pytest.raises(demo.DemoError, match=r"there is no layer in .*; `make layer` builds"):
            demo.run(tmp_path / "layer", tmp_path / "page.html")

    def test_when_a_trace_does_not_arrive(self):
        with (
            OtlpEndpoint() as endpoint,
            pytest.raises(demo.DemoError, match="the trace of invocation r-1 did not arrive"),
        ):
            demo.trace_of("r-1", endpoint, timeout_s=0.01)

    def test_when_the_sandbox_cannot_run(self, tmp_path, monkeypatch, layer):
        monkeypatch.setattr(demo, "TASK", tmp_path / "nothing")

        with pytest.raises(demo.DemoError, match="no task folder"):
            demo.run(layer, tmp_path / "page.html")

    def test_the_exit_status_is_1(self, tmp_path, monkeypatch, capfd):
        monkeypatch.setattr(demo, "LAYER", tmp_path)

        assert demo.main() == 1
        assert re.fullmatch(
            r"\nThe demo cannot go on: there is no layer .*\.\n", capfd.readouterr().err
        )
