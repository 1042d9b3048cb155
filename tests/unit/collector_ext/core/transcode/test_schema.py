"""Tables become messages that know their fields."""

from __future__ import annotations

from collector_ext.core.transcode import schema
from collector_ext.core.transcode.kinds import DOUBLE, STRING
from collector_ext.core.transcode.schema import either, many, maybe, one

TREE, LEAF = schema.messages_of(
    {
        "Tree": (
            one(1, "commonName", STRING),
            many(2, "parts", "Tree"),
            either(16, "leaf", "Leaf"),
        ),
        "Leaf": (maybe(3, "size", DOUBLE),),
    }
).values()


class TestAField:
    """It is what its row says."""

    def test_it_has_the_label_of_its_row(self):
        labels = [field.label for field in TREE.by_number.values()]

        assert labels == [schema.ONE, schema.MANY, schema.EITHER]
        assert LEAF.by_number[3].label == schema.MAYBE

    def test_it_is_known_by_both_spellings(self):
        field = TREE.by_number[1]

        assert TREE.by_name["commonName"] is field
        assert TREE.by_name["common_name"] is field

    def test_its_type_may_be_a_message_its_own_too(self):
        assert TREE.by_number[2].type is TREE
        assert TREE.by_number[16].type is LEAF

    def test_its_tags_are_what_the_wire_has(self):
        leaf, size = TREE.by_number[16], LEAF.by_number[3]

        assert leaf.tag == b"\x82\x01"
        assert (size.tag, size.tag_packed) == (b"\x19", b"\x1a")
