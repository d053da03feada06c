"""Sandboxes made ready ahead, with an interpreter already waiting in them."""
