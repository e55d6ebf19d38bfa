"""How each rule of bundles is switched off, and which tests must fail then."""

from __future__ import annotations

from tests.mutants import Mutant

BUNDLES = "tests/flow/test_bundles.py"
CORE_BUNDLES = "tests/core/test_bundles.py"

BUNDLED = [
    Mutant(
        "B1",
        "a bundle that is received again is run again",
        "flow/intake.py",
        "if len(unit) > 1 and receives > 1:",
        "if False:",
        (f"{BUNDLES}::test_a_bundle_received_twice_is_deleted_and_expired_for_every_task",),
    ),
    Mutant(
        "B1",
        "what was in a bundle that was received twice goes out in a bundle again",
        "core/silent.py",
        "    if again:\n        leave_bundle(step)\n",
        "",
        (f"{CORE_BUNDLES}::test_a_member_whose_bundle_was_received_twice_is_due_again_by_itself",),
    ),
    Mutant(
        "B1",
        "what began in a bundle and was given back goes out in a bundle again",
        "core/spoken.py",
        "    if event.deleted and event.begun:\n        leave_bundle(step)\n",
        "",
        (f"{CORE_BUNDLES}::test_given_back_after_it_began_it_goes_by_itself",),
    ),
    Mutant(
        "B2",
        "a bundle is deleted when all have ended, though a success is not acknowledged",
        "flow/bundle.py",
        "if self._open or self._unacknowledged:",
        "if self._open:",
        (f"{BUNDLES}::test_nothing_is_deleted_before_every_success_is_acknowledged",),
    ),
    Mutant(
        "B2",
        "a failure is not held until its bundle has ended",
        "flow/bundle.py",
        "if self._open or self._unacknowledged:",
        "if self._unacknowledged:",
        (f"{BUNDLES}::test_a_failure_is_held_until_the_one_delete_at_the_end",),
    ),
    Mutant(
        "B3",
        "a member that never began is charged for a receive that nobody spoke of",
        "core/silent.py",
        "receives=0 if again else event.r - 1",
        "receives=event.r - 1",
        (f"{CORE_BUNDLES}::test_a_member_that_never_began_is_not_charged_for_its_machine",),
    ),
    Mutant(
        "B3",
        "a claim of a bundle starts all of its members",
        "core/claimed.py",
        "if step.task.members > 1:",
        "if False:",
        (f"{CORE_BUNDLES}::test_a_claim_of_a_bundle_promises_a_member_its_turn_and_starts_nothing",),
    ),
]
