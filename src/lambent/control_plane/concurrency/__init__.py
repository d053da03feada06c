"""How much of the account's concurrency a function has for itself, and what is kept ready."""
