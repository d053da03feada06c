"""What a function's runtime may be, and which version of it runs."""
