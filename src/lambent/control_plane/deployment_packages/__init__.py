"""Where code comes from, in a request or from S3, and where a caller can fetch it."""
