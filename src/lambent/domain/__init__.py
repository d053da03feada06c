"""The nouns: ARNs, function versions, invocations, errors, quotas. No I/O at all."""
