#!/usr/bin/env bash
# The study "refiner_rate" of gnn_dml/conf/study, written to runs/refiner_rate/results.csv; finished runs are reused.
set -euo pipefail
exec gnn-dml ablate refiner_rate "$@"
