"""Benchmarks of the product itself; each prints what it measured, with the ratios of one run."""
