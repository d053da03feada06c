"""One plain function per Lambda API operation that manages resources.

Meets the data plane only in the store. Start reading at `operations.py`, the table of operations.
"""
