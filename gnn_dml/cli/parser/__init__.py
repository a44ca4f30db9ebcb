"""The arguments of every command and their help; nothing heavy is imported."""

from gnn_dml.cli.parser.build import build_parser

__all__ = ["build_parser"]
