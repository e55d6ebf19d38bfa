"""The edge: each file touches one outside thing."""
