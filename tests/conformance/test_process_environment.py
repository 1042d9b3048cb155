"""What runtime and extensions find: variables and limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.story import LOOP, REGISTERED, described, layer_of

CUSTOMER = {"COLOR": "red", "OTEL_SERVICE_NAME": "story"}

OF_BOTH = {
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "TZ",
    *CUSTOMER,
}
OF_THE_RUNTIME = {
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
OF_AN_INVOCATION = {
    "PYTHONPATH",  # of the runtime's start script
    "_X_AMZN_TRACE_ID",
}
MADE_BY_THE_INTERPRETER = {"LC_CTYPE", "PWD", "SHLVL", "_", "OLDPWD"}
"""CPython's locale coercion, and what the shells of this machine set for what they start."""


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A function and an extension that say where they find themselves."""
    layer = layer_of(
        tmp_path_factory.mktemp("variables"), external=[{"do": "variables"}, REGISTERED, LOOP]
    )
    return described(layer, environ=CUSTOMER, memory_mb=256, version="7")


def of_extension(story):
    """Return the variables of the extension's process."""
    (said,) = (what for what in story.said("external") if "variables" in what)
    return said["variables"]


class TestTheVariables:
    """Are Lambda's and the function's own: nothing of the host gets in."""

    @pytest.mark.rule("§7.2", "The runtime sees exactly the list of §7.2 and the function's own")
    def test_of_the_runtime(self, story):
        seen = set(story.variables) - MADE_BY_THE_INTERPRETER

        assert seen == OF_BOTH | OF_THE_RUNTIME | OF_AN_INVOCATION

    @pytest.mark.rule("§7.2", "Extensions see exactly that without the deny list of §7.2")
    def test_of_an_extension(self, story):
        seen = set(of_extension(story)) - MADE_BY_THE_INTERPRETER

        assert seen == OF_BOTH

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=pytest.mark.rule("§7.2", f"Extensions do not see `{name}`"))
            for name in sorted(OF_THE_RUNTIME)
        ],
    )
    def test_that_extensions_do_not_see(self, story, name):
        assert name in story.variables
        assert name not in of_extension(story)

    @pytest.mark.rule("§7.2", "What both see has the same values")
    def test_that_both_see_are_the_same(self, story):
        runtime, extension = story.variables, of_extension(story)

        assert {name: runtime[name] for name in OF_BOTH} == {
            name: extension[name] for name in OF_BOTH
        }

    @pytest.mark.rule("§7.2", "The variables describe the function")
    def test_describe_the_function(self, story):
        variables = story.variables

        names = {
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_NAME": "story",
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/story",
            "AWS_LAMBDA_RUNTIME_API": story.sandbox.runtime_api,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "_HANDLER": "app.handler",
            **CUSTOMER,
        }
        assert {name: variables[name] for name in names} == names

    @pytest.mark.rule("§2.3", "`instanceId` is the name of the log stream")
    def test_name_the_log_stream(self, story):
        stream = story.variables["AWS_LAMBDA_LOG_STREAM_NAME"]

        assert story.records("initStart")[0]["instanceId"] == stream

    @pytest.mark.rule("§7.2", "`python3` on the PATH of extensions is the function's interpreter")
    def test_lead_to_the_interpreter(self, story):
        folder = Path(of_extension(story)["PATH"].split(":")[0])

        assert str(folder) == str(Path(story.outcomes["facts"]["argv"][0]).parent)

    @pytest.mark.rule("§7.2", "JSON log format is told to the runtime: `AWS_LAMBDA_LOG_FORMAT`")
    def test_tell_the_log_format(self):
        environ = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}

        assert described(None, environ=environ).variables["AWS_LAMBDA_LOG_FORMAT"] == "JSON"


class TestTheLimits:
    """Are for every process."""

    @pytest.mark.rule("§7.5", "A process may have 1024 open files, and so may its children")
    def test_are_on_open_files(self, story):
        assert story.outcomes["limits"] == ["(1024, 1024)"] * 2
