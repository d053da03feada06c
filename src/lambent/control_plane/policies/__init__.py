"""Who may do what with a function: its policies."""
