"""The pure core: state, rules, retry arithmetic, wire formats. No clock, no I/O, no logging."""
