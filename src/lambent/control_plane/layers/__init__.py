"""Layers: their versions, who may use them, and which functions do."""
