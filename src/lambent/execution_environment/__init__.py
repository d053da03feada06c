"""One environment's life: sandbox, init, invoke, shutdown; the Runtime API; the pool of warm ones.

The door is `pool.Pool`. Start reading at `environment.py`.
"""
