"""What becomes of asynchronous invocations: retries, destinations, loops."""
