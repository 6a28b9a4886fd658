"""Sweeps: Ray Tune trials, Optuna samples, MLflow runs."""
