"""The data plane's front: who may be invoked, admission, and the invocation itself.

Start reading at `invoke.py`.
"""
