"""The neighbouring AWS services that come with Lambent: moto, in a process of its own.

Runs as a child of the server (`server/companion.py`), and imports nothing else of it.
"""
