"""Multilevel training."""
