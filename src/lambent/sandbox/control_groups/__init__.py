"""Limits on memory, processor time and processes, by the kernel's control groups.

Hides their two versions, where a host mounts them, which controllers it gives us and how stubborn
they are to remove. Start reading at `groups.py`; `version_1.py` and `version_2.py` are what differs.
"""
