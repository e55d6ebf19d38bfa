"""A test of users' handlers: each is run undisturbed, twice, killed and resumed, and what it leaves is compared."""
