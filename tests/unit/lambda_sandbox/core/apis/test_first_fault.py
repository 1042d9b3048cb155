"""Whose fault it is, when more than one was reported."""

from __future__ import annotations

from lambda_sandbox.core.apis.first_fault import FirstFault


class TestTheFirstFault:
    """It names whatever fails; the runtime's own words are kept beside it."""

    def test_is_nobodys_as_long_as_nobody_reported_anything(self):
        assert FirstFault() == FirstFault(None, None)

    def test_is_the_first_that_was_reported(self):
        fault = FirstFault()

        fault.report("Extension.InitError")
        fault.report("Runtime.ImportModuleError", b"{}")

        assert fault == FirstFault("Extension.InitError", b"{}")

    def test_keeps_the_runtimes_words_when_an_extension_reports_after_it(self):
        fault = FirstFault()

        fault.report("Runtime.ImportModuleError", b"{}")
        fault.report("Extension.ExitError")

        assert fault == FirstFault("Runtime.ImportModuleError", b"{}")
