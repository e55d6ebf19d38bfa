"""Hypothesis profiles: `HYPOTHESIS_PROFILE=prove` searches much longer and from a new seed each time."""

import os

from hypothesis import settings

settings.register_profile("test", deadline=None, derandomize=True, database=None)
settings.register_profile("prove", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))
