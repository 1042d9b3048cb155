"""Stand-ins save time, and are gone when the customer looks."""

from __future__ import annotations

import gc
import importlib
import subprocess
import sys
import warnings

import pytest

from otel_layer.edge import stand_ins
from otel_layer.edge.stand_ins import cheap_imports

EXPENSIVE = ("importlib.metadata", "packaging.requirements", "packaging.version", "platform")


def run(program):
    """Run a program in an interpreter that has imported nothing else."""
    finished = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()


class TestTheSdk:
    """Imported without what it never uses here."""

    def test_nothing_expensive_is_imported(self):
        program = (
            "import sys\n"
            "from otel_layer.edge.stand_ins import cheap_imports\n"
            "before = set(sys.modules)\n"
            "with cheap_imports():\n"
            "    from otel_layer.edge import sdk, invocation, instrumentors\n"
            "    import opentelemetry.instrumentation.instrumentor\n"
            "print(*(set(sys.modules) - before))\n"
        )

        assert set(run(program)) & set(EXPENSIVE) == set()

    def test_the_real_modules_are_the_customer_s(self):
        program = (
            "from otel_layer.edge.stand_ins import cheap_imports\n"
            "with cheap_imports():\n"
            "    import opentelemetry.instrumentation.requests, opentelemetry.sdk.trace\n"
            "import packaging.version, platform, subprocess, typing_extensions, uuid\n"
            "from opentelemetry.instrumentation import dependencies\n"
            "from opentelemetry.sdk.trace import _tracer_metrics\n"
            "from opentelemetry.semconv._incubating.attributes import db_attributes\n"
            "for module in (packaging, platform, subprocess, typing_extensions, uuid,\n"
            "               dependencies, _tracer_metrics, db_attributes):\n"
            "    assert type(module).__name__ == 'module', module\n"
            "assert packaging.version.Version('1.10') > packaging.version.Version('1.9')\n"
        )

        run(program)

    def test_what_was_bound_to_a_stand_in_works_when_it_is_used(self):
        program = (
            "from otel_layer.edge.stand_ins import cheap_imports\n"
            "with cheap_imports():\n"
            "    from opentelemetry.instrumentation import instrumentor, _semconv\n"
            "    from opentelemetry.sdk import resources\n"
            "from opentelemetry.instrumentation.dependencies import DependencyConflictError\n"
            "class One(instrumentor.BaseInstrumentor):\n"
            "    def instrumentation_dependencies(self): return ['not-there >= 1']\n"
            "    def _instrument(self, **_): raise AssertionError\n"
            "    def _uninstrument(self, **_): pass\n"
            "try:\n"
            "    One().instrument(raise_exception_on_conflict=True)\n"
            "except DependencyConflictError as error:\n"
            "    assert 'not-there' in str(error)\n"
            "else:\n"
            "    raise AssertionError('no conflict')\n"
            "assert _semconv.package_version.Version('1.0')\n"
            "assert resources.OsResourceDetector().detect().attributes['os.type']\n"
            "assert resources.subprocess.PIPE == -1\n"
        )

        run(program)

    def test_metrics_about_spans_can_still_be_had(self):
        program = (
            "import os\n"
            "os.environ['OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED'] = 'true'\n"
            "from otel_layer.edge.stand_ins import cheap_imports\n"
            "with cheap_imports():\n"
            "    from opentelemetry.sdk.trace import TracerProvider\n"
            "tracer = TracerProvider(shutdown_on_exit=False).get_tracer('x')\n"
            "print(type(tracer._tracer_metrics).__name__)\n"
        )

        assert run(program) == ["TracerMetrics"]


class TestTheContext:
    """What it changes, it changes back."""

    def test_modules_that_are_there_are_not_replaced(self):
        names = ("subprocess", "typing_extensions")
        before = {name: importlib.import_module(name) for name in names}

        with cheap_imports():
            inside = {name: sys.modules.get(name) for name in before}

        assert inside == before

    def test_a_stand_in_is_gone_afterwards(self, monkeypatch):
        monkeypatch.delitem(sys.modules, "platform", raising=False)

        with cheap_imports():
            assert "platform" in sys.modules

        assert "platform" not in sys.modules

    def test_a_module_that_was_really_imported_meanwhile_stays(self, monkeypatch):
        monkeypatch.delitem(sys.modules, "platform", raising=False)

        with cheap_imports():
            stand_in = sys.modules["platform"]
            assert stand_in.system()
            real = sys.modules["platform"]

        assert sys.modules["platform"] is real
        assert real is not stand_in

    def test_names_that_the_import_system_looks_for_import_nothing(self, monkeypatch):
        monkeypatch.delitem(sys.modules, "platform", raising=False)

        with cheap_imports():
            assert not hasattr(sys.modules["platform"], "__path__")
            assert type(sys.modules["platform"]) is stand_ins._StandIn

    @pytest.mark.parametrize("was_collecting", [True, False])
    def test_the_garbage_collector_rests_and_goes_on_as_before(self, was_collecting):
        before = gc.isenabled()
        try:
            (gc.enable if was_collecting else gc.disable)()
            with cheap_imports():
                assert not gc.isenabled()
            assert gc.isenabled() == was_collecting
        finally:
            (gc.enable if before else gc.disable)()

    def test_what_the_customer_has_frozen_stays_frozen(self):
        gc.freeze()
        try:
            frozen_count = gc.get_freeze_count()
            with cheap_imports():
                pass
            assert gc.get_freeze_count() == frozen_count
        finally:
            gc.unfreeze()


class TestOtherThreads:
    """Whatever they import meanwhile, they get the real thing."""

    def test_beside_one_that_could_import_nothing_is_replaced(self):
        program = (
            "import threading\n"
            "from otel_layer.edge.import_hook import ImportHook\n"
            "from otel_layer.edge.instrumentors import instrument\n"
            "from otel_layer.edge.log import Log\n"
            "from otel_layer.edge.shield import Shield\n"
            "instrumenting, imported, got = threading.Event(), threading.Event(), []\n"
            "def work():\n"
            "    instrumenting.wait(20)\n"
            "    import uuid\n"
            "    from packaging.version import Version\n"
            "    got.extend([uuid, uuid.uuid4(), Version])\n"
            "    imported.set()\n"
            "class Finder:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name == 'opentelemetry.instrumentation.requests':\n"
            "            instrumenting.set()\n"
            "            assert imported.wait(20)\n"
            "hook = ImportHook()\n"
            "hook.install()\n"
            "sys.meta_path.insert(0, Finder())\n"
            "instrument(hook, (), Shield(Log(as_json=False)))\n"
            "worker = threading.Thread(target=work)\n"
            "worker.start()\n"
            "import requests\n"
            "worker.join()\n"
            "print(*(type(one).__name__ for one in got))\n"
            "assert hasattr(requests.Session.send, '__wrapped__')\n"
        )

        assert run("import sys\n" + program) == ["module", "UUID", "type"]


class TestTheMarkerOfDeprecatedNames:
    """It marks, and does not warn."""

    def test_what_it_marks_stays_what_it_is(self):
        def function():
            return 7

        marked = stand_ins._deprecated("use another")(function)

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert marked() == 7
        assert marked is function
        assert function.__deprecated__ == "use another"

    def test_what_can_never_be_is_said_to_be_impossible(self):
        with pytest.raises(AssertionError, match="unreachable, but got: 7"):
            stand_ins._never(7)
