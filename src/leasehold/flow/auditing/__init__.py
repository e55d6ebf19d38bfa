"""The parts of an audit: rows, trails, overlaps of runs, queues, and the verdict that they add up to."""
