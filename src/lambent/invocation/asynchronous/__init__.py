"""Events that are accepted now and run later: begin to read at `event_queue.py`."""
