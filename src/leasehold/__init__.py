"""Leasehold: long jobs on machines that vanish, every one accounted for."""
