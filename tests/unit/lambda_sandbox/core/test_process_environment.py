"""Who sees which variable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_sandbox.core.function import (
    MANAGED_INSTANCES,
    ON_DEMAND,
    PROVISIONED_CONCURRENCY,
    SNAP_START,
    FunctionFacts,
)
from lambda_sandbox.core.process_environment import (
    AUTHORIZATION_TOKEN,
    CREDENTIALS_PATH,
    CUSTOMER_BYTES_MAX,
    LOG_SOCKET,
    RESERVED,
    Places,
    configuration_fault,
    extension_variables,
    runtime_variables,
)

FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 256, 3.0, "3.13", "stream")
PLACES = Places("/task", "/runtime", "/bin-3.13", "/layer", log_socket="/workers")
API = "127.0.0.1:9001"


def variables(customer=(), places=PLACES, initialization_type=ON_DEMAND):
    function = replace(FUNCTION, initialization_type=initialization_type, max_concurrency=3)
    return runtime_variables(function, dict(customer), places, API)


def difference(initialization_type, customer=()):
    """What a type of initialisation leaves out of the usual variables, and what it adds."""
    usual, seen = variables(customer), variables(customer, initialization_type=initialization_type)
    return usual.keys() - seen.keys(), dict(seen.items() - usual.items())


class TestTheRuntime:
    """Sees what Lambda sets, and the customer's."""

    def test_is_told_who_it_is(self):
        seen = variables()

        assert seen["_HANDLER"] == "app.handler"
        assert seen["AWS_LAMBDA_RUNTIME_API"] == API
        assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
        assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
        assert (seen["LAMBDA_TASK_ROOT"], seen["LAMBDA_RUNTIME_DIR"]) == ("/task", "/runtime")

    def test_finds_the_functions_python_first(self):
        assert variables()["PATH"] == "/bin-3.13:/usr/local/bin:/usr/bin/:/bin:/layer/bin"

    def test_without_a_layer_has_the_usual_paths(self):
        seen = variables(places=Places("/task", "/runtime", "/bin-3.13", ""))

        assert seen["PATH"].endswith(":/opt/bin")
        libraries = "/lib64:/usr/lib64:/runtime:/runtime/lib:/task:/task/lib:/opt/lib"
        assert seen["LD_LIBRARY_PATH"] == libraries

    def test_has_the_customers_variables_in_place_of_what_is_only_preset(self):
        presets = ("AWS_XRAY_CONTEXT_MISSING", "LANG", "LD_LIBRARY_PATH", "PATH", "TZ")
        own = dict.fromkeys(("COLOR", *presets), "mine")

        seen = variables(own)

        assert {name: seen[name] for name in own} == own

    def test_has_every_variable_of_lambda_and_no_other(self):
        assert set(variables()) == RESERVED - {
            "AWS_ACCESS_KEY",  # the credentials' name in another runtime
            "AWS_LAMBDA_MAX_CONCURRENCY",  # on Managed Instances only
        } | {
            "AWS_XRAY_CONTEXT_MISSING",
            "AWS_XRAY_DAEMON_ADDRESS",
            "LANG",
            "LD_LIBRARY_PATH",
            "PATH",
            "TZ",
            "_AWS_XRAY_DAEMON_ADDRESS",
            "_AWS_XRAY_DAEMON_PORT",
            "_HANDLER",
        }

    @pytest.mark.parametrize(
        ("name", "value", "seen"),
        [
            ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrapper", "/layer/wrapper"),
            ("AWS_LAMBDA_EXEC_WRAPPER", "/task/wrapper", "/task/wrapper"),
            ("OTHER", "/opt/wrapper", "/opt/wrapper"),
        ],
    )
    def test_finds_the_exec_wrapper_where_the_layer_is(self, name, value, seen):
        assert variables({name: value})[name] == seen

    def test_keeps_opt_when_there_is_no_layer(self):
        seen = variables({"AWS_LAMBDA_EXEC_WRAPPER": "/opt/w"}, Places("/t", "/r", "/b", ""))

        assert seen["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/w"


class TestTheInitializationType:
    """Says what is left out of the runtime's variables, and what is added."""

    def test_is_told(self):
        assert variables()["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"

    def test_is_all_that_provisioned_concurrency_changes(self):
        assert difference(PROVISIONED_CONCURRENCY) == (
            set(),
            {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"},
        )

    def test_under_snap_start_takes_away_the_log_stream_and_the_keys(self):
        assert difference(SNAP_START) == (
            {
                "AWS_ACCESS_KEY_ID",
                "AWS_LAMBDA_LOG_GROUP_NAME",
                "AWS_LAMBDA_LOG_STREAM_NAME",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_SESSION_TOKEN",
            },
            {
                "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": AUTHORIZATION_TOKEN,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{API}/2021-04-23/credentials",
            },
        )

    def test_on_a_managed_instance_gives_workers_a_number_and_a_log_in_json(self):
        assert difference(MANAGED_INSTANCES, {"AWS_LAMBDA_LOG_FORMAT": "Text"}) == (
            set(),
            {
                "AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances",
                "AWS_LAMBDA_LOG_FORMAT": "JSON",
                "AWS_LAMBDA_MAX_CONCURRENCY": "3",
                "_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET": "/workers",
            },
        )


class TestAnExtension:
    """Sees the same, without what is the runtime's own business."""

    def test_does_not_see_what_lambda_hides(self):
        runtime = variables({"COLOR": "red", "AWS_XRAY_CONTEXT_MISSING": "mine"})

        seen = extension_variables(runtime)

        assert set(runtime) - set(seen) == {
            "AWS_EXECUTION_ENV",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_XRAY_CONTEXT_MISSING",
            "AWS_XRAY_DAEMON_ADDRESS",
            "LAMBDA_RUNTIME_DIR",
            "LAMBDA_TASK_ROOT",
            "_AWS_XRAY_DAEMON_ADDRESS",
            "_AWS_XRAY_DAEMON_PORT",
            "_HANDLER",
        }

    def test_has_credentials_region_and_the_customers_variables(self):
        seen = extension_variables(variables({"COLOR": "red"}))

        assert {"AWS_SESSION_TOKEN", "AWS_REGION", "AWS_LAMBDA_INITIALIZATION_TYPE"} <= set(seen)
        assert seen["COLOR"] == "red"

    def test_has_credentials_under_snap_start_too(self):
        seen = extension_variables(variables(initialization_type=SNAP_START))

        assert seen["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
        assert seen["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == AUTHORIZATION_TOKEN
        assert seen["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == f"http://{API}{CREDENTIALS_PATH}"

    def test_knows_a_managed_instance_and_nothing_of_its_workers(self):
        seen = extension_variables(variables(initialization_type=MANAGED_INSTANCES))

        assert seen["AWS_LAMBDA_INITIALIZATION_TYPE"] == "lambda-managed-instances"
        assert not {"AWS_LAMBDA_MAX_CONCURRENCY", LOG_SOCKET} & set(seen)


class TestTheCustomersVariables:
    """Are what Lambda would let a function be configured with."""

    def test_may_have_any_ordinary_name(self):
        presets = ("AWS_LAMBDA_EXEC_WRAPPER", "AWS_LAMBDA_LOG_FORMAT", "PATH", "PYTHONPATH", "TZ")

        assert configuration_fault(dict.fromkeys((*presets, "a1", "OTEL_X_"), "mine")) is None

    @pytest.mark.parametrize("name", sorted(RESERVED))
    def test_cannot_be_what_lambda_sets(self, name):
        fault = configuration_fault({"COLOR": "red", name: "mine"})

        assert fault == f"Lambda itself sets {name}: a function's variables cannot"

    @pytest.mark.parametrize("name", ["_HANDLER", "_X", "X", "", "1X", "A-B", "A.B", "Ä1", "AB\n"])
    def test_cannot_have_a_name_that_lambda_refuses(self, name):
        fault = configuration_fault({"COLOR": "red", name: "mine"})

        assert fault == (
            f"no function can have a variable called {name!r}: names have letters, digits and"
            " underscores, two characters at least, a letter first"
        )

    def test_can_be_as_large_as_lambda_allows(self):
        rest = "x" * (CUSTOMER_BYTES_MAX - len('{"COLOR":"é"}'.encode()))

        assert configuration_fault({"COLOR": "é" + rest}) is None
        assert configuration_fault({"COLOR": "é" + rest + "x"}) == (
            "the function's variables have 4097 bytes as JSON, more than 4096"
        )
