"""Where a document comes from, and how its YAML is read."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from collector_ext.core.config.node import Node, scalar
from collector_ext.core.otlp import TRACES
from collector_ext.edge import config_document
from collector_ext.edge.config_sources import source_from
from collector_ext.edge.yaml_document import NODE_COUNT_MAX, YamlError, compose
from tests.fakes.documents import exporter_of, members

ROOT = Path(__file__).parents[2]
URI = "OPENTELEMETRY_COLLECTOR_CONFIG_URI"

DOCUMENT = """\
receivers: {otlp: }
exporters: {debug: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}
"""


@pytest.fixture
def document(tmp_path):
    """A document in a file."""
    path = tmp_path / "collector.yaml"
    path.write_text(DOCUMENT)
    return path


@pytest.fixture
def server():
    """A server that has a document."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.startswith("/collector.yaml")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(DOCUMENT.encode() if found else b"")

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def drops():
    """A server whose answer comes byte by byte, and does not come to an end."""
    is_over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for _ in range(99):
                if is_over.wait(0.05):
                    break
                connection.sendall(b"a")

    thread = threading.Thread(target=serve)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        is_over.set()
        thread.join()


def read(uri, **variables):
    """What the document comes to that a URI names."""
    return source_from({URI: str(uri), **variables}).configuration({})


def pipelines(configuration):
    """The ids of the pipelines."""
    return [pipeline.id for pipeline in configuration.pipelines]


class TestAUri:
    """Names a document in one of the Collector's ways."""

    @pytest.mark.parametrize("prefix", ["", "file:"])
    def test_may_be_a_path(self, document, prefix):
        assert pipelines(read(f"{prefix}{document}")) == ["traces"]

    def test_may_name_a_variable(self):
        assert pipelines(read("env:CONFIG", CONFIG=DOCUMENT)) == ["traces"]

    def test_may_be_the_document_itself(self):
        assert pipelines(read("yaml:" + DOCUMENT)) == ["traces"]

    def test_may_be_a_url(self, server):
        assert pipelines(read(f"{server}/collector.yaml?token=x")) == ["traces"]

    def test_goes_before_its_former_name(self, document):
        variables = {URI: str(document), "OPENTELEMETRY_COLLECTOR_CONFIG_FILE": "/none"}

        assert source_from(variables).name == str(document)

    def test_may_be_missing_where_a_layer_has_a_document(self, document):
        assert source_from({}, default_path=str(document)).name == str(document)

    def test_that_is_missing_leaves_the_variables(self, tmp_path):
        source = source_from(
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a.example"},
            default_path=str(tmp_path / "none"),
        )

        assert (source.name, pipelines(source.configuration({}))) == ("variables", ["traces"])

    def test_of_variables_may_refer_to_secrets_in_headers(self):
        source = source_from(
            {
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a.example",
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "k=${ssm:/key}",
            },
            default_path="/none",
        )

        assert source.configuration({}).secrets == ("ssm:/key",)
        found = source.configuration({"ssm:/key": "hunter2"})
        assert exporter_of(found, "otlp_http").headers[TRACES] == (("k", "hunter2"),)


class TestADocumentThatCannotBeHad:
    """Is one line; the variables count instead, if they name an endpoint."""

    @pytest.mark.parametrize(
        ("uri", "said"),
        [
            ("/none", "/none: cannot be read: No such file or directory"),
            ("file:/", "file:/: cannot be read: Is a directory"),
            ("env:UNSET", "env:UNSET: the variable UNSET is not set"),
            (
                "yaml:key: secret: x",
                "yaml:...: line 1, column 12: mapping values are not allowed here",
            ),
            ("ftp://a/b", "ftp://a/b: ftp: is not a way to name a document here"),
            (
                "s3://bucket",
                (
                    "s3://bucket: cannot be read: "
                    "'s3://bucket' is not s3://bucket.s3.region.amazonaws.com/key"
                ),
            ),
        ],
    )
    def test_is_said(self, uri, said):
        found = read(uri)

        assert found.pipelines == ()
        assert found.remarks == (f"{URI}={said}; nothing is exported",)

    def test_of_a_server_is_said_without_its_query(self, server):
        assert read(f"{server}/none?token=secret").remarks == (
            f"{URI}={server}/none: cannot be fetched: Not Found; nothing is exported",
        )

    @pytest.mark.parametrize(
        "url", ["http://[hunter2", "http://a/?hunter2 x", "http://me:hunter2@a/c.yaml"]
    )
    def test_of_no_url_is_said_without_its_secrets(self, url):
        (remark,) = read(url).remarks

        assert "cannot be fetched: the URL or the answer is not of HTTP" in remark
        assert "hunter2" not in remark.partition("cannot be fetched")[2]

    def test_of_a_server_that_does_not_come_to_an_end_is_said_in_time(self, monkeypatch, drops):
        monkeypatch.setattr(config_document, "FETCH_TIMEOUT_S", 0.3)

        assert read(f"{drops}/c.yaml").remarks == (
            f"{URI}={drops}/c.yaml: cannot be fetched: no answer within 0.3 s; nothing is exported",
        )

    def test_is_not_fetched_again(self, tmp_path):
        path = tmp_path / "late.yaml"
        source = source_from({URI: str(path)})
        remarks = source.configuration({}).remarks
        path.write_text(DOCUMENT)

        assert source.configuration({}).remarks == remarks

    def test_of_no_server_is_said(self):
        found = read("http://127.0.0.1:1/c.yaml").remarks[0]

        assert "Connection refused; nothing is exported" in found

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"\xff", "it is not UTF-8"),
            (b"a" * (config_document.SIZE_BYTES_MAX + 1), "it is larger"),
        ],
    )
    def test_of_no_text_is_said(self, tmp_path, content, said):
        path = tmp_path / "collector.yaml"
        path.write_bytes(content)

        assert f"{path}: cannot be read: {said}" in read(path).remarks[0]

    def test_leaves_the_variables(self):
        found = read("/none", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://a.example")

        assert pipelines(found) == ["traces"]
        assert found.remarks == (
            (
                f"{URI}=/none: cannot be read: No such file or directory; "
                "the variables OTEL_EXPORTER_OTLP_... count instead"
            ),
        )

    def test_leaves_the_variables_with_their_secrets(self):
        source = source_from(
            {
                URI: "/none",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a.example",
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "k=${ssm:/key}",
            }
        )

        found = source.configuration({"ssm:/key": "hunter2"})

        assert exporter_of(found, "otlp_http").headers[TRACES] == (("k", "hunter2"),)


class TestWhatADocumentRefersTo:
    """Is fetched with it, except for secrets, which come later."""

    def test_may_be_in_files_that_refer_to_files(self, tmp_path):
        (tmp_path / "exporters.yaml").write_text(
            f"otlp_http: {{endpoint: '${{file:{tmp_path}/endpoint}}'}}\n"
        )
        (tmp_path / "endpoint").write_text("http://${HOST}\n")
        (tmp_path / "collector.yaml").write_text(
            DOCUMENT.replace("{debug: }", f"${{file:{tmp_path}/exporters.yaml}}").replace(
                "[debug]", "[otlp_http]"
            )
        )

        found = read(tmp_path / "collector.yaml", HOST="a.example")

        assert found.remarks == ()
        assert exporter_of(found, "otlp_http").destinations[TRACES].host == "a.example"

    def test_that_is_missing_is_said_by_its_line(self, tmp_path):
        path = tmp_path / "collector.yaml"
        path.write_text(DOCUMENT.replace("{debug: }", "${file:/none}"))

        assert read(path).remarks[0] == (
            f"{path}:2: exporters names file:/none: cannot be read: No such file or directory; "
            "it is empty"
        )

    def test_is_not_waited_for_for_ever(self, tmp_path, monkeypatch):
        monkeypatch.setattr(config_document, "REFERENCES_S_MAX", 0)
        path = tmp_path / "collector.yaml"
        path.write_text(DOCUMENT.replace("{debug: }", "${http://127.0.0.1:1/}"))

        assert "there is no time left to fetch it; it is empty" in read(path).remarks[0]

    def test_of_secrets_is_named_and_read_later(self, tmp_path):
        path = tmp_path / "collector.yaml"
        path.write_text(
            "receivers: {otlp: }\nexporters: {otlp_http: {endpoint: 'http://a', "
            "headers: {k: 'x-${ssm:/key}'}}}\n"
            "service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}}\n"
        )
        source = source_from({URI: str(path)})

        assert source.configuration({}).secrets == ("ssm:/key",)
        found = source.configuration({"ssm:/key": "hunter2"})
        assert exporter_of(found, "otlp_http").headers[TRACES] == (("k", "x-hunter2"),)


class TestYaml:
    """Becomes nodes that know their lines."""

    def test_has_the_lines_of_keys(self):
        assert compose("a:\n  b: 1\n\nc: [x,\n y]") == Node(
            {
                "a": Node({"b": scalar("1", 2)}, None, 1),
                "c": Node((scalar("x", 4), scalar("y", 5)), None, 4),
            },
            None,
            1,
        )

    def test_in_quotes_is_text(self):
        assert members("a: '1'")["a"] == scalar("1", 1, is_plain=False)

    def test_may_be_empty(self):
        assert compose("# nothing\n") == scalar("", 1)

    def test_may_have_aliases_and_merges(self):
        found = members("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [*x, {a: 9, c: 4}]}")

        assert {name: node.content for name, node in found["y"].mapping.items()} == {
            "a": 1,
            "b": 3,
        }
        assert {name: node.content for name, node in found["z"].mapping.items()} == {
            "a": 1,
            "b": 2,
            "c": 4,
        }

    def test_may_have_paths_for_keys(self):
        assert compose("a::b: 1\na::c: 2") == Node(
            {"a": Node({"b": scalar("1", 1), "c": scalar("2", 2)}, None, 2)}, None, 1
        )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a: [", "line 1, column 5: expected the node content, but found '<stream end>'"),
            ("a: *b", "found undefined alias 'b'"),
            ("a: 1\n\tb: 2", "found character '\\t' that cannot start any token"),
            ("a: 1\n---\nb: 2", "but found another document"),
            ("a: \x00", "special characters are not allowed"),
            ("[" * 5000, "is nested too deeply"),
            ("&a [*a]", "is nested too deeply, or too large with its aliases"),
        ],
    )
    def test_that_cannot_be_used_is_refused(self, text, said):
        with pytest.raises(YamlError) as refusal:
            compose(text)

        assert said in str(refusal.value)

    def test_that_stands_for_too_much_is_refused(self):
        levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]

        with pytest.raises(YamlError):
            compose("\n".join(["l0: &l0 [x]", *levels]))

        assert NODE_COUNT_MAX < 10**8


class TestTheProcess:
    """Loads PyYAML only when there is a document, and says so when there is none."""

    PROBE = """
import sys
sys.path.insert(0, sys.argv[1])
from collector_ext.edge.config_sources import source_from
source = source_from({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"} if len(sys.argv) < 3 else
                     {"OPENTELEMETRY_COLLECTOR_CONFIG_URI": sys.argv[2]}, default_path="/none")
slow = {"json", "re", "os", "yaml", "enum", "typing", "urllib", "socket", "ssl", "pathlib"}
before = slow & set(sys.modules)
print(source.configuration({}).remarks, sorted(before))
"""

    def run(self, *arguments, root=ROOT):
        """What an isolated interpreter prints."""
        command = [sys.executable, "-I", "-S", "-c", self.PROBE, str(root), *arguments]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()

    def test_reads_variables_with_c_modules_alone(self):
        assert self.run() == "() []"

    def test_finds_pyyaml_beside_itself_and_needs_no_compiled_code_of_it(self, document, tmp_path):
        shutil.copytree(ROOT / "collector_ext", tmp_path / "collector_ext")
        pure = shutil.ignore_patterns("*.so", "__pycache__")
        library = tmp_path / "collector-lib" / "yaml"
        shutil.copytree(Path(yaml.__file__).parent, library, ignore=pure)

        assert self.run(str(document), root=tmp_path).startswith("() ")

    def test_says_when_pyyaml_is_missing(self, document):
        said = (
            f"{URI}={document}: PyYAML, which reads it, is not in this layer; nothing is exported"
        )

        assert said in self.run(str(document))
