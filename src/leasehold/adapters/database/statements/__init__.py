"""Books of Core statements: each module names its own in ``STATEMENTS``."""
