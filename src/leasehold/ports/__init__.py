"""The seams between the road and the outside: small protocols, in lists, with an answer per item.

Instants are whole milliseconds since the epoch, durations whole milliseconds, unless a name ends in ``boot``: those
are milliseconds on a clock that never jumps and counts suspension, and mean nothing outside this machine.
Adapters say what they can do in capabilities; everything else they owe is in the docstrings and, executable, in the
conformance suites of ``leasehold.testing``.
"""
