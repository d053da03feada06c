"""An isolated, limited process: start, kill, exit status, statistics.

Knows Linux and nothing of Lambda. The door is `isolation.py`; each other file is one kernel mechanism.
"""
