"""The public names are there when they are asked for, and cost nothing before."""

import subprocess
import sys

import pytest

import leasehold


@pytest.mark.parametrize("name", leasehold.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(leasehold, name).__name__ == name


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Celery'"):
        getattr(leasehold, "Celery")  # noqa: B009 - a name that type checkers rightly refuse


def test_importing_the_package_imports_none_of_its_parts() -> None:
    code = "import sys, leasehold; sys.exit(' '.join(name for name in sys.modules if name.startswith('leasehold')))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stderr.strip() == "leasehold"
