"""What CONTRIBUTING promises about the tree, held by tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["otel_layer", "collector_ext", "lambda_sandbox"]
HALVES = ["otel_layer", "collector_ext"]

VARIABLE = re.compile(r'["\'](OTEL_[A-Z0-9_]*[A-Z0-9])["\']')


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def mirror_of(modules: Iterable[Path], core: Path) -> set[Path]:
    """Return where the unit tests of a core's modules are, in its mirror."""
    relative = [path.relative_to(core) for path in modules]
    return {path.with_name(f"test_{path.name}") for path in relative}


def computes(module: Path) -> bool:
    """Return whether a module has a function that does something."""
    tree = ast.walk(ast.parse(module.read_text()))
    functions = [node for node in tree if isinstance(node, ast.FunctionDef)]
    statements = [statement for function in functions for statement in function.body]
    return any(not isinstance(statement, ast.Expr) for statement in statements)


class TestTheTree:
    """Names and places mean what they say."""

    def test_config_holds_no_python(self):
        assert list((ROOT / "config").rglob("*.py")) == []

    @pytest.mark.parametrize("package", PACKAGES)
    def test_importing_a_package_costs_nothing(self, package):
        for init in (ROOT / package).rglob("__init__.py"):
            (docstring,) = ast.parse(init.read_text()).body
            assert isinstance(docstring, ast.Expr), init

    @pytest.mark.parametrize("package", PACKAGES)
    def test_each_module_of_a_core_has_its_own_unit_test(self, package):
        core = ROOT / package / "core"
        files = [path for path in sorted(core.rglob("*.py")) if path.name != "__init__.py"]
        # A module of declarations alone has nothing to go wrong on its own.
        computing = {path for path in files if computes(path)}

        unit = ROOT / "tests/unit" / package / "core"
        tested = {path.relative_to(unit) for path in unit.rglob("test_*.py")}
        assert mirror_of(computing, core) <= tested <= mirror_of(files, core)

    @pytest.mark.parametrize("package", PACKAGES)
    def test_a_core_does_not_load_the_edge_by_its_name(self, package):
        # What imports itself is seen by `make arch`; a name in a string is not.
        edge = re.compile(rf"[\"']{package}\.edge")

        naming = [path for path in modules(f"{package}/core") if edge.search(path.read_text())]
        assert naming == []

    @pytest.mark.parametrize("package", PACKAGES)
    def test_no_name_stands_for_no_concept(self, package):
        vague = {"utils", "helpers", "common", "base", "misc", "types"}

        assert {path.stem for path in modules(package)} & vague == set()


class TestTheVersion:
    """One for both halves and the zip; constants, because reading it would cost a cold start."""

    def test_it_is_the_same_everywhere(self):
        files = ["pyproject.toml", "otel_layer/version.py", "collector_ext/version.py"]
        version = re.compile(r'^(?:version|VERSION) = "(.+)"$', re.MULTILINE)

        found = {version.findall((ROOT / file).read_text())[0] for file in files}
        assert len(found) == 1


class TestTheSdk:
    """One module of the layer is the seam to it, for each signal."""

    def test_no_other_module_imports_it_at_run_time(self):
        imports = re.compile(r"^(?:from|import) opentelemetry\.sdk", re.MULTILINE)

        importing = [
            path.name for path in modules("otel_layer") if imports.search(path.read_text())
        ]
        assert importing == ["sdk.py", "sdk_logs.py", "sdk_metrics.py"]


class TestVariables:
    """One file lists every variable that either half reads, with its default."""

    @pytest.mark.parametrize("package", HALVES)
    def test_each_variable_that_is_read_is_in_the_list(self, package):
        listed = set(re.findall(r"OTEL_[A-Z0-9_]+", (ROOT / "config/defaults.env").read_text()))

        read = {name for path in modules(package) for name in VARIABLE.findall(path.read_text())}
        # Names of a family are put together: OTEL_EXPORTER_OTLP_ and what follows.
        unlisted = {name for name in read - listed if not any(n.startswith(name) for n in listed)}
        assert unlisted == set()


class TestWhatIsCommitted:
    """The project speaks of itself alone."""

    def test_no_file_names_a_folder_of_somebodys_machine(self):
        homes = re.compile(rb"/(?:root|home|Users)/[a-z.]")
        ours = ("*.py", "*.md", "*.toml", "*.env", "*.txt", "Makefile")
        folders = [*PACKAGES, "tests", "scripts", "bench", "docs", "examples", "config"]
        files = [path for glob in ours for path in ROOT.glob(glob)]
        files += [path for folder in folders for path in (ROOT / folder).rglob("*")]

        named = [path for path in files if path.is_file() and homes.search(path.read_bytes())]
        assert [path for path in named if "__pycache__" not in path.parts] == []
