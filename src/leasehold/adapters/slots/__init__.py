"""Where handlers run: one guarded child process per slot, leashed, listened to, its deaths explained.

``pool`` and ``slot`` live in the worker; ``guard`` is a program of its own between worker and child; ``child`` and
what it imports run in the child, beside the user's code. This file imports nothing, so that a child stays light.
"""
