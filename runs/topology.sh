#!/usr/bin/env bash
# The study "topology" of gnn_dml/conf/study, written to runs/topology/results.csv; finished runs are reused.
set -euo pipefail
exec gnn-dml ablate topology "$@"
