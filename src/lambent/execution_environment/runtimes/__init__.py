"""AWS's runtime identifiers: what is installed for each, how it is found, added and started."""
