"""The composition root: settings in, everything built by hand, started and stopped in order.

Start reading at `server.py`.
"""
