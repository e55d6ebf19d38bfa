"""The ledger over HTTP: the same views, shapes and filters as on the command line. Needs the extra ``web``."""
