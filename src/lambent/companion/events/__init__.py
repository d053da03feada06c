"""EventBridge: rules whose targets are functions, what targets are given, and the clock."""
