"""What an environment says: the function's output, its records, and where they go."""
