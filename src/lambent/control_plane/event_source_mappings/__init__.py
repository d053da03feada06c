"""Event source mappings as records: what each kind of source takes."""
