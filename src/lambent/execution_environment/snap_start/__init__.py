"""Versions that are restored from a process already initialised."""
