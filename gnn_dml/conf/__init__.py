"""Hydra configuration: YAML files only, a folder per group."""
