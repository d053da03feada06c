"""Which environment serves an invocation, and which has to go; what this host has room for."""
