"""How each rule of recalls is switched off, and which tests must fail then."""

from __future__ import annotations

from tests.mutants import Mutant

RECALL = "tests/flow/test_recall.py"
SILENT = "tests/core/test_silent.py"

RECALLED = [
    Mutant(
        "R13",
        "news of a machine lapses whichever run holds the task",
        "core/silent.py",
        "if task.status is not Status.IN_PROGRESS or task.run_id != event.run_id:",
        "if task.status is not Status.IN_PROGRESS:",
        (f"{SILENT}::test_only_the_run_that_holds_the_task_is_recalled",),
    ),
    Mutant(
        "R13",
        "a run that is draining is recalled",
        "core/silent.py",
        '    if task.receipt is None:\n        return step.ignored("its worker gives it back by itself")\n',
        "",
        (f"{SILENT}::test_a_draining_run_is_never_recalled_its_message_may_be_anothers_by_now",),
    ),
    Mutant(
        "R13",
        "a run is recalled whose lease is nearly over",
        "core/silent.py",
        "if task.lease_until - step.now < event.margin:",
        "if False:",
        (f"{SILENT}::test_a_run_is_recalled_only_while_its_lease_is_ahead_by_the_margin",),
    ),
    Mutant(
        "R13",
        "a machine is recalled before all that it reported is recorded",
        "flow/recall.py",
        "if noticed + SETTLED <= heard]",
        "if True]",
        (f"{RECALL}::test_nothing_is_recalled_before_all_that_was_reported_before_is_recorded",),
    ),
    Mutant(
        "R13",
        "the message is shown whether or not the ledger recalled the run",
        "flow/recall.py",
        "zip(held, answers, strict=True) if isinstance(answer, Decision)]",
        "zip(held, answers, strict=True)]",
        (f"{RECALL}::test_one_that_is_overtaken_by_another_shows_nothing",),
    ),
    Mutant(
        "R13",
        "the message is shown however little is left of its lease by then",
        "flow/recall.py",
        "if now + IN_TRANSIT < ends]",
        "]",
        (f"{RECALL}::test_a_message_is_not_shown_when_the_orchestrator_was_paused_until_its_lease_was_nearly_over",),
    ),
    Mutant(
        "R13",
        "a machine that is stopping counts as gone",
        "core/wire/platform.py",
        'if state == "terminated" else None',
        'if state in ("terminated", "stopping") else None',
        (f"{RECALL}::test_a_machine_that_may_come_back_or_still_works_is_left_alone",),
    ),
]
