"""Conformance: each test says the rule that it holds, and where the rule comes from.

``@pytest.mark.rule("§1.1", "the rule, in one sentence")`` is read by ``scripts/conformance.py``,
which writes ``docs/conformance.md``. The numbers are those of the sections that it lists.
"""
