"""Before anything of the tests is imported: what a helper asserts says what it saw, as the assertions of tests do.

And a failure is told when it happens: a run that is stopped at its bound still says what it met.
"""

import pytest

pytest.register_assert_rewrite("tests", "leasehold.testing")


class AtOnce:
    """Tells each failure where the run stands, not only at its end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Asked by pytest of each phase of each test."""
        if report.failed:
            terminal = self.config.get_terminal_writer()
            terminal.line()
            terminal.sep("_", f"{report.nodeid} ({report.when})")
            terminal.line(report.longreprtext)
            for title, text in report.sections:
                terminal.sep("-", title)
                terminal.line(text)
            terminal.flush()


def pytest_configure(config: pytest.Config) -> None:
    """Only in the process that prints: the others hand it their reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(AtOnce(config))
