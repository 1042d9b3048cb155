"""The function comes first: what it answers is byte for byte what it answers without us."""

from __future__ import annotations

import json
import re

import pytest

REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

ANSWERS = ["app.greet", "app.Service", "pkg/app.handler", "pkg.mod.handler"]
FAILURES = ["app.fail", "app.fail_from_another", "app.fail_to_serialise"]
IMPORT_FAILURES = [
    "broken.handler",
    "missing_dependency.handler",
    "syntax_error.handler",
    "absent.handler",
    "app.absent",
    "sys.exit",
    "nodots",
]


def answer(sandbox):
    """The error mark and the payload of one invocation under a fixed request id.

    Each sandbox has a folder of its own for what is /var/runtime on Lambda.
    """
    outcome = sandbox.invoke(b'{"name": "x"}', request_id=REQUEST_ID)
    payload = re.sub(rb"/[^\s:\"]*/runtime\b", b"/var/runtime", outcome.payload)
    return outcome.function_error, payload


class TestWhatTheFunctionAnswers:
    """With the layer and without it, the same bytes under the same request id."""

    @pytest.mark.parametrize("handler", ANSWERS + FAILURES)
    def test_results_and_errors_are_equal_byte_for_byte(self, run, endpoint, handler):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url}

        observed = answer(run(handler, environ))

        assert observed == answer(run(handler, environ, layer=None))

    @pytest.mark.parametrize("handler", FAILURES)
    def test_errors_name_the_line_of_the_user_and_no_line_of_ours(self, run, handler):
        _, payload = answer(run(handler))

        assert b"otel_layer" not in payload
        assert b"opentelemetry" not in payload

    @pytest.mark.parametrize("handler", IMPORT_FAILURES)
    def test_a_module_that_cannot_be_imported_is_reported_alike(self, run, handler):
        observed = answer(run(handler))

        assert observed == answer(run(handler, layer=None))


class TestHandlerNames:
    """They resolve as the runtime resolves them: its own code does it."""

    @pytest.mark.parametrize(
        ("handler", "expected"),
        [
            ("app.greet", {"hello": "x", "request": REQUEST_ID}),
            ("pkg/app.handler", "pkg/app"),
            ("pkg.mod.handler", "pkg.mod"),
        ],
    )
    def test_slashes_and_dots_resolve(self, run, handler, expected):
        _, payload = answer(run(handler))

        assert json.loads(payload) == expected


class TestWhatTheFunctionSees:
    """Its surroundings look as they do without us."""

    def test_the_handler_variable_names_the_users_handler(self, run):
        _, payload = answer(run("app.surroundings"))

        assert json.loads(payload)["environ"]["_HANDLER"] == "app.surroundings"

    def test_the_python_path_is_as_it_was(self, run):
        _, observed = answer(run("app.surroundings"))
        _, plain = answer(run("app.surroundings", layer=None))

        seen, expected = (
            json.loads(payload)["environ"]["PYTHONPATH"] for payload in (observed, plain)
        )
        assert seen == expected

    def test_a_python_path_of_the_users_survives(self, run, tmp_path):
        environ = {"PYTHONPATH": str(tmp_path)}

        _, observed = answer(run("app.surroundings", environ))
        _, plain = answer(run("app.surroundings", environ, layer=None))

        seen, expected = (
            json.loads(payload)["environ"]["PYTHONPATH"] for payload in (observed, plain)
        )
        assert seen == expected

    def test_no_variable_of_ours_is_left_but_the_users(self, run):
        _, payload = answer(run("app.surroundings"))

        assert json.loads(payload)["ours"] == ["OTEL_LAYER_RECEIVER_PORT"]

    def test_child_processes_are_not_instrumented(self, run):
        _, payload = answer(run("app.child"))

        assert json.loads(payload) == "False"
