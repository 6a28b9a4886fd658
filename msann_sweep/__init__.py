"""Distributed hyperparameter sweeps for multilevel neural-network training (MsANN)."""

__version__ = "0.1.0"
