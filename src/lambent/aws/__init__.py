"""Neighbouring AWS services: buckets and keys, at the endpoints the operator names.

The only place that knows where they are and with whose credentials they are called.
"""
