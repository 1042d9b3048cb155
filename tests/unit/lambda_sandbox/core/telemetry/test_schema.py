"""What is wrong with a document, and where."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.telemetry.schema import Violation, first_violation, type_name

PERSON = {
    "type": "object",
    "required": ("name", "age"),
    "properties": {
        "name": {"type": "string", "enum": ("Ada", "Alan")},
        "age": {"type": "integer", "minimum": 1, "maximum": 130},
        "tags": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "house": {
            "oneOf": (
                {"type": "object", "required": ("street",)},
                {"type": "string", "enum": ("nowhere",)},
            )
        },
    },
}
ADA = {"name": "Ada", "age": 36}


class TestADocument:
    """Valid, or wrong at one place that is named in both the document and the schema."""

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"age": 1},
            {"age": 130.0},
            {"tags": ["poet"]},
            {"house": {"street": "St James's Square"}},
            {"house": "nowhere"},
            {"what the schema does not know": None},
        ],
    )
    def test_is_valid(self, changes):
        assert first_violation({**ADA, **changes}, PERSON) is None

    @pytest.mark.parametrize(
        ("document", "instance", "keyword", "message"),
        [
            ([], "", "/type", "expected object, but got array"),
            ({}, "", "/required", "missing properties: 'name', 'age'"),
            (
                {**ADA, "name": "Bob"},
                "/name",
                "/properties/name/enum",
                'value must be one of "Ada", "Alan"',
            ),
            (
                {**ADA, "age": "36"},
                "/age",
                "/properties/age/type",
                "expected integer, but got string",
            ),
            (
                {**ADA, "age": 0},
                "/age",
                "/properties/age/minimum",
                "must be >= 1 but found 0",
            ),
            (
                {**ADA, "age": 131},
                "/age",
                "/properties/age/maximum",
                "must be <= 130 but found 131",
            ),
            (
                {**ADA, "tags": []},
                "/tags",
                "/properties/tags/minItems",
                "minimum 1 items required, but found 0 items",
            ),
            (
                {**ADA, "tags": ["poet", 1]},
                "/tags/1",
                "/properties/tags/items/type",
                "expected string, but got integer",
            ),
            (
                {**ADA, "house": "somewhere"},
                "/house",
                "/properties/house/oneOf/0/type",
                "expected object, but got string",
            ),
        ],
    )
    def test_is_wrong(self, document, instance, keyword, message):
        assert first_violation(document, PERSON) == Violation(instance, keyword, message)

    def test_is_told_the_only_value_there_is(self):
        violation = first_violation("TCP", {"enum": ("HTTP",)})

        assert violation == Violation("", "/enum", 'value must be "HTTP"')


class TestATypeName:
    """JSON's, where a number without a fraction is an integer and a boolean is not."""

    @pytest.mark.parametrize(
        ("value", "name"),
        [
            (None, "null"),
            (True, "boolean"),
            (1, "integer"),
            (1.0, "integer"),
            (1.5, "number"),
            (float("nan"), "number"),
            ("", "string"),
            ([], "array"),
            ({}, "object"),
        ],
    )
    def test_follows_the_value(self, value, name):
        assert type_name(value) == name
