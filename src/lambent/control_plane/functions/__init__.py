"""Functions as a whole: made, read, listed, changed, deleted."""
