"""What is spoken inside an environment: the Runtime API and the Extensions API."""
