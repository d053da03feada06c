"""Addresses of functions."""
