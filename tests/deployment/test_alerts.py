"""The alert rules for Prometheus: sound, each with what to do, each tried on a story, asking for figures that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from leasehold.flow.figures import FAMILIES
from tests.tooling.promtool import promtool
from tests.tooling.repository import ROOT

RULES = ROOT / "deploy" / "prometheus-alerts.yml"
STORIES = Path(__file__).with_name("prometheus_alerts.yml")
ALERT = re.compile(r"^ +- alert: (\w+)$", re.MULTILINE)
SUMMARY = re.compile(r'^( +summary: )"(.*)"$', re.MULTILINE)


def check(*words: str) -> str:
    """What promtool says; it finds no fault."""
    said = subprocess.run([promtool(), *words], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


def test_the_rules_are_sound() -> None:
    assert f"{len(ALERT.findall(RULES.read_text('utf-8')))} rules found" in check("check", "rules", str(RULES))


def test_each_alert_fires_on_its_story_and_on_no_other(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"  # promtool compares summaries too: what they say is not what is tried here
    rules.write_text(SUMMARY.sub(r'\1"SUMMARY"', RULES.read_text("utf-8")), "utf-8")
    stories = tmp_path / "stories.yml"
    stories.write_text(STORIES.read_text("utf-8").replace("[RULES]", f"[{rules}]"), "utf-8")
    assert "SUCCESS" in check("test", "rules", str(stories))


def test_every_alert_has_a_story_in_which_it_fires() -> None:
    text = STORIES.read_text("utf-8")
    fired = set(re.findall(r"alertname: (\w+)\n +exp_alerts:", text))
    quiet = set(re.findall(r"alertname: (\w+)}", text))
    assert fired == quiet == set(ALERT.findall(RULES.read_text("utf-8")))


def test_every_alert_says_what_to_do() -> None:
    rules = RULES.read_text("utf-8")
    summaries = [text for _, text in SUMMARY.findall(rules)]
    assert len(summaries) == len(ALERT.findall(rules))
    for summary in summaries:
        assert re.search(r"leasehold \w+|Start another|look at leasehold_", summary), summary


def test_alerts_ask_for_figures_that_exist() -> None:
    asked = set(re.findall(r"leasehold_[a-z_]+", RULES.read_text("utf-8")))
    told = {family.name for family in FAMILIES}
    parts = ("bucket", "count", "sum")
    told |= {f"{family.name}_{part}" for family in FAMILIES if family.kind == "histogram" for part in parts}
    assert asked <= told
