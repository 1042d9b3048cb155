"""What the variables mean, and which values are refused."""

from __future__ import annotations

from os import environ  # noqa: TID251  # what settings.py changes

import pytest

from otel_layer.settings import Settings, corrected, swap_handler


class TestUnset:
    """The defaults of the specification."""

    def test_everything_is_on(self):
        settings = Settings({})

        assert settings.is_enabled
        assert settings.propagators == ("tracecontext", "baggage")
        assert settings.disabled_instrumentations == ()
        assert list(settings.complaints) == []

    def test_the_process_s_own_variables_are_read(self, monkeypatch):
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "hello")

        assert Settings().function_name == "hello"


class TestSwitchedOff:
    """By either of two variables."""

    @pytest.mark.parametrize(
        "environ",
        [
            {"OTEL_SDK_DISABLED": "true"},
            {"OTEL_SDK_DISABLED": " TRUE "},
            {"OTEL_TRACES_EXPORTER": "none"},
        ],
    )
    def test_nothing_is_done(self, environ):
        assert not Settings(environ).is_enabled

    @pytest.mark.parametrize("exporter", ["otlp", "", "none,otlp"])
    def test_exporting_is_not_switching_off(self, exporter):
        settings = Settings({"OTEL_TRACES_EXPORTER": exporter})

        assert settings.is_enabled
        assert list(settings.complaints) == []


class TestLogs:
    """Records lead to their trace; lines say so on request."""

    def test_by_default_they_do_and_lines_are_as_they_were(self):
        settings = Settings({})

        assert settings.correlates_logs
        assert not settings.logs.show_trace
        assert settings.logs.format == ""

    @pytest.mark.parametrize("names", ["logging", "requests, LOGGING", "*"])
    def test_they_do_not_where_logging_is_not_instrumented(self, names):
        settings = Settings({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": names})

        assert not settings.correlates_logs

    def test_lines_do_on_request(self):
        settings = Settings(
            {"OTEL_PYTHON_LOG_CORRELATION": "True", "OTEL_PYTHON_LOG_FORMAT": "%(message)s"}
        )

        assert settings.logs.show_trace
        assert settings.logs.format == "%(message)s"


class TestTheOtherSignals:
    """Metrics and log records are exported if the function records any."""

    def test_by_default_they_are_and_nothing_records_by_itself(self):
        settings = Settings({})

        assert (settings.metrics.are_exported, settings.logs.are_exported) == (True, True)
        assert (settings.metrics.include_http, settings.logs.include_logging) == (False, False)
        assert settings.metrics.temporality == "delta"
        assert not settings.metrics.have_exponential_histograms

    def test_each_is_switched_off_by_itself(self):
        without_metrics = Settings({"OTEL_METRICS_EXPORTER": "none"})
        without_logs = Settings({"OTEL_LOGS_EXPORTER": "None"})

        assert not without_metrics.metrics.are_exported
        assert without_metrics.logs.are_exported
        assert not without_logs.logs.are_exported
        assert without_logs.is_enabled

    def test_what_is_asked_for_is_done(self):
        settings = Settings(
            {
                "OTEL_LAYER_HTTP_METRICS": "true",
                "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "True",
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "LowMemory",
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
                    "BASE2_EXPONENTIAL_BUCKET_HISTOGRAM"
                ),
            }
        )

        assert settings.metrics.include_http
        assert settings.logs.include_logging
        assert settings.metrics.temporality == "lowmemory"
        assert settings.metrics.have_exponential_histograms
        assert list(settings.complaints) == []


class TestBadValues:
    """One sentence each: the variable, the value, what follows."""

    @pytest.mark.parametrize(
        ("variable", "value", "sentence"),
        [
            (
                "OTEL_SDK_DISABLED",
                "yes",
                "OTEL_SDK_DISABLED='yes' is neither true nor false; using false",
            ),
            (
                "OTEL_PYTHON_LOG_CORRELATION",
                "1",
                "OTEL_PYTHON_LOG_CORRELATION='1' is neither true nor false; using false",
            ),
            (
                "OTEL_TRACES_EXPORTER",
                "console",
                "OTEL_TRACES_EXPORTER='console' is not an exporter of this layer; using otlp",
            ),
            (
                "OTEL_METRICS_EXPORTER",
                "prometheus",
                "OTEL_METRICS_EXPORTER='prometheus' is not an exporter of this layer; using otlp",
            ),
            (
                "OTEL_LOGS_EXPORTER",
                "console",
                "OTEL_LOGS_EXPORTER='console' is not an exporter of this layer; using otlp",
            ),
            (
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                "Deltas",
                (
                    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE='deltas' is none of"
                    " delta, cumulative, lowmemory; using delta"
                ),
            ),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "a",
                "OTEL_RESOURCE_ATTRIBUTES: 'a' is not a key=value pair; leaving it out",
            ),
            (
                "OTEL_SPAN_EVENT_COUNT_LIMIT",
                "-1",
                (
                    "OTEL_SPAN_EVENT_COUNT_LIMIT='-1' is not a non-negative whole number;"
                    " using the default"
                ),
            ),
            (
                "OTEL_TRACES_SAMPLER",
                "half",
                (
                    "OTEL_TRACES_SAMPLER='half' is not a sampler of the SDK;"
                    " using parentbased_always_on"
                ),
            ),
        ],
    )
    def test_it_is_complained_about(self, variable, value, sentence):
        settings = Settings({variable: value})

        assert list(settings.complaints) == [sentence]
        assert settings.is_enabled

    @pytest.mark.parametrize("value", ["2", "-0.1", "half", "nan"])
    def test_a_ratio_has_to_be_one(self, value):
        settings = Settings(
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": value}
        )

        assert list(settings.complaints) == [
            f"OTEL_TRACES_SAMPLER_ARG={value!r} is not between 0 and 1; using 1"
        ]
        assert settings.sdk_environ["OTEL_TRACES_SAMPLER_ARG"] == "1"

    def test_without_a_ratio_the_sdk_is_given_one_and_nobody_complains(self):
        settings = Settings({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"})

        assert settings.sdk_environ["OTEL_TRACES_SAMPLER_ARG"] == "1"
        assert list(settings.complaints) == []

    def test_what_the_sdk_could_not_read_is_kept_from_it(self):
        settings = Settings({"OTEL_SPAN_LINK_COUNT_LIMIT": "x", "OTEL_TRACES_SAMPLER": "y"})

        assert settings.sdk_environ == {
            "OTEL_PROPAGATORS": None,
            "OTEL_SPAN_LINK_COUNT_LIMIT": None,
            "OTEL_TRACES_SAMPLER": None,
        }


class TestBlanks:
    """A blank value is none; blanks around one are no part of it."""

    @pytest.mark.parametrize("blank", ["", " "])
    @pytest.mark.parametrize(
        "variable",
        ["OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SPAN_LINK_COUNT_LIMIT"],
    )
    def test_what_is_blank_is_kept_from_the_sdk_and_nobody_complains(self, variable, blank):
        settings = Settings({"OTEL_TRACES_SAMPLER": "traceidratio", variable: blank})

        assert settings.sdk_environ.get(variable) in (None, "1")
        assert variable in settings.sdk_environ
        assert list(settings.complaints) == []

    def test_the_sdk_reads_values_without_the_blanks_around_them(self):
        settings = Settings(
            {
                "OTEL_TRACES_SAMPLER": " traceidratio ",
                "OTEL_TRACES_SAMPLER_ARG": " 0.5 ",
                "OTEL_SPAN_LINK_COUNT_LIMIT": " 3\n",
            }
        )

        assert settings.sdk_environ == {
            "OTEL_PROPAGATORS": None,
            "OTEL_TRACES_SAMPLER": "traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.5",
            "OTEL_SPAN_LINK_COUNT_LIMIT": "3",
        }
        assert list(settings.complaints) == []

    @pytest.mark.parametrize("pairs", ["service.name=", "service.name=%20,a=b"])
    def test_a_service_without_a_name_is_called_as_the_function(self, pairs):
        settings = Settings({"OTEL_RESOURCE_ATTRIBUTES": pairs, "OTEL_SERVICE_NAME": " "})

        assert "service.name" not in settings.resource_attributes
        assert "OTEL_SERVICE_NAME" not in settings.environ


class TestGoodValues:
    """Read as the specification has them."""

    def test_lists_may_have_spaces_and_any_case(self):
        settings = Settings(
            {
                "OTEL_PROPAGATORS": "TraceContext, baggage",
                "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": " requests ,,URLLIB3",
            }
        )

        assert settings.propagators == ("tracecontext", "baggage")
        assert settings.disabled_instrumentations == ("requests", "urllib3")

    def test_the_customer_s_handler_has_a_name_of_ours_and_one_of_other_layers(self):
        both = {"OTEL_LAYER_HANDLER": "app.handler", "ORIG_HANDLER": "other.handler"}

        assert Settings(both).handler == "app.handler"
        assert Settings({"ORIG_HANDLER": "other.handler"}).handler == "other.handler"


class TestTheEnvironmentOfTheProcess:
    """Changed for a moment, and as it was afterwards."""

    def test_it_is_corrected_and_restored(self, monkeypatch):
        monkeypatch.setenv("KEPT_FROM", "value")
        monkeypatch.delenv("GIVEN", raising=False)

        with corrected({"KEPT_FROM": None, "GIVEN": "1", "ABSENT": None}):
            inside = dict(environ)

        assert "KEPT_FROM" not in inside
        assert inside["GIVEN"] == "1"
        assert environ["KEPT_FROM"] == "value"
        assert "GIVEN" not in environ

    def test_the_handler_s_name_is_swapped(self, monkeypatch):
        monkeypatch.setenv("_HANDLER", "app.handler")

        assert swap_handler("other.handler") == "app.handler"
        assert environ["_HANDLER"] == "other.handler"
