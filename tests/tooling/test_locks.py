"""The lock files carry versions and hashes, no addresses, and keep the base install small."""

import re

import pytest

from tests.tooling.repository import ROOT

RUN = "requirements.lock"
DEV = "requirements-dev.lock"
MINISTACK = "requirements-ministack.lock"
AUDIT = "requirements-audit.lock"
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(lock: str) -> dict[str, str]:
    """Each locked package's block of lines, by `name==version`."""
    text = (ROOT / lock).read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    return {block.split()[0]: block for block in blocks}


def parents(block: str) -> set[str]:
    """Who asked for a package, from the `# via` lines below it."""
    comments = "\n".join(line.strip() for line in block.splitlines() if line.strip().startswith("#"))
    return {word for word in re.findall(r"[\w.:()-]+", comments) if word not in {"via", "(pyproject.toml)"}}


def base_install() -> set[str]:
    """The names of the packages that `pip install leasehold` brings, from the lock."""
    needed_by = {pin.split("==")[0]: parents(block) for pin, block in entries(RUN).items()}
    demo = {"pocketsphinx"}
    build = {"hatchling"}
    base = {name for name, by in needed_by.items() if "leasehold" in by} - demo - build
    grown: set[str] = set()
    while grown != base:
        grown = set(base)
        base |= {name for name, by in needed_by.items() if by & base}
    return base


@pytest.mark.parametrize("lock", [RUN, DEV, MINISTACK, AUDIT])
def test_every_locked_package_has_a_version_and_hashes(lock: str) -> None:
    locked = entries(lock)
    assert locked
    for pin, block in locked.items():
        assert re.fullmatch(r"[a-z0-9.-]+==[0-9][\w.]*", pin)
        assert HASH.search(block), pin


@pytest.mark.parametrize("lock", [RUN, DEV, MINISTACK, AUDIT])
def test_no_address_stands_in_a_lock(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-", HASH.sub("", text), flags=re.MULTILINE)  # no --index-url, --find-links, -r
    assert not re.search(r"(?<![\w.)])/\w", text)


def test_development_uses_the_versions_that_run() -> None:
    assert entries(RUN).keys() <= entries(DEV).keys()


def test_the_base_install_stays_within_40_packages() -> None:
    base = base_install()
    assert {"sqlalchemy", "pydantic-core", "obstore"} <= base
    assert not {"pocketsphinx", "hatchling", "boto3"} & base
    assert len(base) + 1 <= 40  # and leasehold itself
