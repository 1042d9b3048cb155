"""How references are replaced."""

from __future__ import annotations

import pytest

from collector_ext.core.config.node import Node, scalar
from collector_ext.core.config.section import Remarks
from collector_ext.core.config.substitution import DEPTH_MAX, Substitution
from collector_ext.core.secrets import Fault
from collector_ext.edge.yaml_document import compose

VARIABLES = {
    "NAME": "orders",
    "EMPTY": "",
    "PORT": "4318",
    "NESTED": "${NAME}-${PORT}",
    "DOLLARS": "a$$b$c",
    "LIST": "[a, b]",
    "COLON": "a: b",
    "BROKEN": "[a",
    "LOOP": "${LOOP}",
    "WHICH": "NAME",
}


def substitution(resolved=None):
    """A substitution, and what it remarks."""
    remarks = Remarks("collector.yaml")
    return Substitution(VARIABLES, resolved or {}, compose, remarks), remarks


def expanded(text, resolved=None):
    """The text that a text becomes, without a remark."""
    found, remarks = substitution(resolved)
    node = found.expanded(scalar(text, 1), "a.b")
    assert remarks.complaints == ()
    return node.text


def complaints(text, resolved=None):
    """What a text becomes, and what is said."""
    found, remarks = substitution(resolved)
    return found.expanded(scalar(text, 7), "a.b").text, remarks.complaints


class TestAVariable:
    """Is put in the place of its reference."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("${env:NAME}", "orders"),
            ("${NAME}", "orders"),
            ("http://${NAME}:${env:PORT}/", "http://orders:4318/"),
            ("${env:UNSET:-fallback}", "fallback"),
            ("${UNSET:-}", ""),
            ("${NAME:-fallback}", "orders"),
            ("${EMPTY:-fallback}", ""),
            ("${UNSET:-a:-b}", "a:-b"),
            ("${env:UNSET:-${NAME}}", "orders"),
            ("${env:${WHICH}}", "orders"),
            ("${NESTED}", "orders-4318"),
            ("${yaml:${NAME}}", "orders"),
            ("plain", "plain"),
        ],
    )
    def test_is_replaced(self, text, value):
        assert expanded(text) == value

    def test_that_is_not_set_is_empty_and_said(self):
        assert complaints("x-${env:UNSET}") == (
            "x-",
            ("collector.yaml:7: a.b names the variable UNSET, which is not set; it is empty",),
        )

    def test_of_a_default_that_is_not_needed_may_be_unset(self):
        assert expanded("${NAME:-${UNSET}}") == "orders"

    def test_needs_the_name_of_one(self):
        assert complaints("${1x}") == (
            "",
            ("collector.yaml:7: a.b names '1x', which cannot be a variable; it is empty",),
        )


class TestADollar:
    """Is a dollar unless it begins a reference."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("$$", "$"),
            ("$${NAME}", "${NAME}"),
            ("a$b", "a$b"),
            ("$NAME", "$NAME"),
            ("5$", "5$"),
            ("${NAME", "${NAME"),
            ("$$${NAME}", "$orders"),
        ],
    )
    def test_stays(self, text, value):
        assert expanded(text) == value

    def test_in_a_variable_stays_as_it_is(self):
        assert expanded("${DOLLARS}") == "a$$b$c"


class TestAWholeValue:
    """Has the type of what it became."""

    @pytest.mark.parametrize(
        ("text", "content"), [("${PORT}", 4318), ("${EMPTY}", None), ("x${PORT}", "x4318")]
    )
    def test_is_typed(self, text, content):
        found, _ = substitution()

        assert found.expanded(scalar(text, 1), "a").content == content

    def test_may_be_a_list_in_its_line(self):
        found, _ = substitution()

        assert found.expanded(scalar("${LIST}", 5), "a") == Node(
            (scalar("a", 5), scalar("b", 5)), "[a, b]", 5
        )

    def test_that_looks_like_a_mapping_is_still_a_text(self):
        found, _ = substitution()
        node = found.expanded(scalar("${COLON}", 5), "a")

        assert (node.text, node.content) == ("a: b", {"a": scalar("b", 5)})

    def test_that_is_no_yaml_is_a_text(self):
        found, _ = substitution()

        assert found.expanded(scalar("${BROKEN}", 5), "a") == Node("[a", "[a", 5)


class TestWhatIsOutside:
    """Is named, and there when it is given."""

    REFERENCE = "secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:x#key"

    def test_is_unresolved_at_first(self):
        found, remarks = substitution()
        node = found.expanded(scalar(f"Bearer ${{{self.REFERENCE}}}", 1), "a.b")

        assert node.content == f"Bearer ${{{self.REFERENCE}}}"
        assert list(found.unresolved) == [self.REFERENCE]
        assert remarks.complaints == ()

    def test_is_replaced_when_it_is_known(self):
        found, _ = substitution({self.REFERENCE: "hunter2"})
        node = found.expanded(scalar(f"Bearer ${{{self.REFERENCE}}}", 1), "a.b")

        assert (node.content, list(found.unresolved)) == ("Bearer hunter2", [])

    @pytest.mark.parametrize("secret", ["1234", "${NAME}", "$$", "[a", "true", "a\n"])
    def test_a_secret_is_a_text_as_it_is(self, secret):
        found, _ = substitution({"ssm:/key": secret})

        assert found.expanded(scalar("${ssm:/key}", 1), "a").content == secret

    def test_a_file_may_hold_references_and_ends_in_a_line_feed(self):
        assert expanded("${file:/a}", {"file:/a": "${NAME}\n"}) == "orders"

    def test_that_did_not_resolve_is_empty_and_said(self):
        assert complaints("x${ssm:/key}", {"ssm:/key": Fault("AccessDenied")}) == (
            "x",
            ("collector.yaml:7: a.b names ssm:/key: AccessDenied; it is empty",),
        )

    def test_that_did_not_resolve_may_have_a_default(self):
        assert expanded("${ssm:/key:-none}", {"ssm:/key": Fault("AccessDenied")}) == "none"

    def test_of_an_unknown_kind_stays_and_is_said(self):
        assert complaints("${vault:x}") == (
            "${vault:x}",
            (
                (
                    "collector.yaml:7: a.b has a reference of an unknown kind, vault:, "
                    "which stays as it is"
                ),
            ),
        )


class TestAllOfANode:
    """Is replaced, wherever in it the references are."""

    def test_in_mappings_and_lists(self):
        found, _ = substitution()
        node = compose("a: {b: '${NAME}'}\nc: ['${PORT}', x]")

        assert found.expanded(node, "p") == compose("a: {b: orders}\nc: [4318, x]")

    def test_the_place_of_a_fault_is_said(self):
        found, remarks = substitution()

        found.expanded(compose("a:\n  - b: ${UNSET}"), "p")

        assert remarks.complaints == (
            "collector.yaml:2: p.a[0].b names the variable UNSET, which is not set; it is empty",
        )


class TestNesting:
    """Has an end."""

    def test_of_a_variable_in_itself(self):
        text, said = complaints("${LOOP}")

        assert text == ""
        assert said == (
            (
                f"collector.yaml:7: a.b has references nested more than {DEPTH_MAX} deep, "
                "or too many"
            ),
        )

    def test_of_many_references(self):
        text, said = complaints("${NAME}" * 2000)

        assert (len(text), len(said)) == (1000 * len("orders"), 1)
