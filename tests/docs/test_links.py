"""Links lead somewhere, and every page is found from the first one."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import Link, anchor, anchors, links, pages
from tests.tooling.repository import ROOT


def target(link: Link) -> Path:
    """The file that a link leads to."""
    path = link.to.partition("#")[0]
    return (link.page.parent / path).resolve() if path else link.page


def leads_somewhere(link: Link) -> bool:
    """Whether file and heading are there."""
    to, place = target(link), link.to.partition("#")[2]
    return to.exists() and (not place or place in anchors(to))


def test_every_relative_link_leads_to_a_file_and_a_heading() -> None:
    found = [link for page in pages() for link in links(page)]
    assert len(found) > 10
    assert [(str(link.page.relative_to(ROOT)), link.to) for link in found if not leads_somewhere(link)] == []


def test_no_link_leads_out_of_the_repository() -> None:
    found = [link for page in pages() for link in links(page)]
    assert [link.to for link in found if not target(link).is_relative_to(ROOT)] == []


def test_every_page_of_the_documentation_can_be_reached_from_the_readme() -> None:
    seen = {ROOT / "README.md"}
    ahead = list(seen)
    for page in ahead:  # the list grows while it is walked
        new = {target(link) for link in links(page)} - seen
        seen |= new
        ahead += [each for each in new if each.suffix == ".md" and each.exists()]
    documentation = [page for page in pages() if page.parent in {ROOT, ROOT / "docs", ROOT / "docs" / "decisions"}]
    assert len(documentation) > 10
    assert sorted(str(page.relative_to(ROOT)) for page in documentation if page not in seen) == []


def test_headings_are_named_as_code_hosts_name_them() -> None:
    assert anchor("What `Completed` means, and what not") == "what-completed-means-and-what-not"
