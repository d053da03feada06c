"""The `lambent` command: argv and environment in, exit code out."""
