"""The road: one file per role, in the order in which a task walks. Every role is an object with ``step()``."""
