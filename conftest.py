"""Before anything of the tests is imported: what a helper asserts says what it saw, as the assertions of tests do."""

import pytest

pytest.register_assert_rewrite("tests", "leasehold.testing")
