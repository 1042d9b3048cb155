"""How a mapping is read by a table of keys."""

from __future__ import annotations

from collector_ext.core.config.kinds import (
    DURATION,
    FLAG,
    SECRET,
    TEXT,
    TEXTS,
    Key,
    ignored,
    mapping,
    mappings,
)
from collector_ext.core.config.section import did_you_mean
from tests.fakes.documents import section

INNER = (Key("path", TEXT, "", "a path"),)
KEYS = (
    Key("timeout", DURATION, 5.0, "how long"),
    Key("enabled", FLAG, default=True, meaning="whether"),
    Key("names", TEXTS, (), "which"),
    Key("token", SECRET, "", "a secret"),
    Key("size", DURATION, 2.5, "another"),
    Key("tls", mapping(INNER), None, "a mapping"),
    Key("rules", mappings(INNER), (), "mappings"),
    ignored("retry", "it is ours"),
)
DEFAULTS = {
    "timeout": 5.0,
    "enabled": True,
    "names": (),
    "token": "",
    "size": 2.5,
    "tls": None,
    "rules": (),
}


def complaints(text):
    """What is said about a section."""
    found = section(text)
    found.read(KEYS)
    return found.remarks.complaints


class TestReading:
    """Gives a value for each key."""

    def test_an_empty_section_has_the_defaults(self):
        assert section("").read(KEYS) == DEFAULTS

    def test_what_is_set_is_converted(self):
        found = section("timeout: 1m\nenabled: false\nnames: [a, b]").read(KEYS)

        assert found == {**DEFAULTS, "timeout": 60.0, "enabled": False, "names": ("a", "b")}

    def test_null_is_the_default(self):
        assert section("timeout:\ntls: ~").read(KEYS) == DEFAULTS

    def test_a_mapping_is_a_section(self):
        found = section("tls:\n  path: /a").read(KEYS)["tls"]

        assert (found.place, found.id, found.read(INNER)) == (
            "exporters.x.tls",
            "tls",
            {"path": "/a"},
        )

    def test_mappings_are_sections(self):
        found = section("rules:\n  - path: /a\n  - path: /b").read(KEYS)["rules"]

        assert [(rule.place, rule.read(INNER)["path"]) for rule in found] == [
            ("exporters.x.rules[0]", "/a"),
            ("exporters.x.rules[1]", "/b"),
        ]

    def test_what_is_no_mapping_has_the_defaults(self):
        found = section("[a]")

        assert found.read(KEYS) == DEFAULTS
        assert found.remarks.complaints == (
            "collector.yaml:1: exporters.x is not a mapping; it is read as an empty one",
        )

    def test_whether_a_key_is_set_can_be_asked(self):
        found = section("timeout: 1s\nenabled:")

        assert [found.is_set(name) for name in ("timeout", "enabled", "names")] == [
            True,
            False,
            False,
        ]


class TestWhatIsWrong:
    """Is one line with file, line and key; the rest of the section counts."""

    def test_an_unknown_key(self):
        assert complaints("enabled: true\ntimeot: 1s") == (
            (
                "collector.yaml:2: exporters.x.timeot is not a key that is known here "
                "(did you mean timeout?); it is ignored"
            ),
        )

    def test_a_wrong_type(self):
        assert complaints("timeout: soon") == (
            (
                "collector.yaml:1: exporters.x.timeout is 'soon', which is not a duration such as "
                "200ms or 1m30s; using 5s"
            ),
        )

    def test_a_wrong_type_of_a_flag(self):
        assert complaints("enabled: maybe") == (
            (
                "collector.yaml:1: exporters.x.enabled is 'maybe', which is not true or false; "
                "using true"
            ),
        )

    def test_a_wrong_type_without_a_default(self):
        assert complaints("\nnames: {a: b}") == (
            (
                "collector.yaml:2: exporters.x.names is the mapping, which is not a list of texts; "
                "it is ignored"
            ),
        )

    def test_a_secret_is_not_shown(self):
        assert complaints("token: [hunter2]") == (
            "collector.yaml:1: exporters.x.token is the value, which is not a text; it is ignored",
        )

    def test_in_a_list_of_mappings(self):
        found = section("rules:\n  - path: /a\n  - pat: /b")

        for rule in found.read(KEYS)["rules"]:
            rule.read(INNER)

        assert found.remarks.complaints == (
            (
                "collector.yaml:3: exporters.x.rules[1].pat is not a key that is known here "
                "(did you mean path?); it is ignored"
            ),
        )

    def test_is_said_once(self):
        found = section("timeot: 1s")

        found.read(KEYS)
        found.read(KEYS)

        assert len(found.remarks.complaints) == 1


class TestWhatIsIgnored:
    """Is kept apart from what is wrong."""

    def test_says_why(self):
        found = section("retry:\n  enabled: true")

        found.read(KEYS)

        assert found.remarks.complaints == ()
        assert found.remarks.ignored == (
            "collector.yaml:1: exporters.x.retry is ignored: it is ours",
        )

    def test_may_be_a_section(self):
        found = section("a: b")

        found.ignore("means nothing here")

        assert found.remarks.ignored == ("collector.yaml:1: exporters.x means nothing here",)


class TestAGuess:
    """Is made only when it is a near one."""

    def test_names_the_nearest(self):
        assert did_you_mean("endpiont", ["endpoint", "encoding"]) == " (did you mean endpoint?)"

    def test_is_not_made_at_random(self):
        assert did_you_mean("zzz", ["endpoint"]) == ""
