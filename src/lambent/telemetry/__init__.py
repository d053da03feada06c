"""What a function's owner sees: log groups, streams and events, and the platform's own lines.

Doors: `logs_api.OPERATIONS` (CloudWatch Logs' operations), `log_pipeline.LogPipeline` (the way of
what functions print), `log_retention.run_retention`, `platform_events`. Hidden: filter patterns and
their regular expressions, page tokens, batching and what happens when the database is full.
Start with `log_pipeline.py`, then `log_events.py`; the rows themselves are in `store/logs.py`.
"""
