"""Experiments: settings to objects, a run from settings to a row, trained runs, studies."""
