"""The example function, called as the runtime would call it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.fakes.http_service import HttpService

APP = Path(__file__).resolve().parents[2] / "examples/hello/app.py"


@pytest.fixture
def service():
    with HttpService() as running:
        yield running


@pytest.fixture
def app(service, monkeypatch):
    """The module, imported anew with the service in its environment."""
    monkeypatch.setenv("SERVICE_URL", service.url)
    spec = importlib.util.spec_from_file_location("hello_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    module.session.close()
    module.pool.clear()


class TestTheHandler:
    """Two calls, one answer."""

    def test_it_gets_and_posts(self, app, service):
        app.handler({}, None)

        assert [(call.method, call.path, call.body) for call in service.calls] == [
            ("GET", "/hello", b""),
            ("POST", "/messages", b'{"message":"hello world"}'),
        ]

    def test_it_answers_ok(self, app):
        answer = app.handler({}, None)

        assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"message": "OK"})
        assert answer["headers"] == {"Content-Type": "application/json"}

    def test_it_raises_after_the_first_call_when_it_is_asked_to(self, app, service):
        with pytest.raises(app.GreetingRefusedError, match="the event asked for a failure"):
            app.handler({"fail": True}, None)

        assert [call.method for call in service.calls] == ["GET"]

    def test_it_makes_another_call_when_it_is_asked_to(self, app, service):
        app.handler({"hang": True}, None)

        assert [call.path for call in service.calls] == ["/hello", "/slow", "/messages"]
