"""Isolated, limited processes: start, freeze, kill, exit status, statistics.

Knows Linux and nothing of Lambda. The door is `isolation.py`; behind it `namespaces.py` puts a
sandbox together, and `plain_process.py` does without. Each other file or package is one kernel
mechanism.
"""
