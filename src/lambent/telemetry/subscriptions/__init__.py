"""Subscription filters of log groups: new events go to functions and streams as they arrive."""
