"""Settings: from what is typed to plain values, checked. Importing this package loads no torch."""
