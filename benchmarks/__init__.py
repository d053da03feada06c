"""Benchmarks: ratios against the least program that could do the same, in one run.

`make benchmark`, or `.venv/bin/python -m benchmarks --help`.
"""
