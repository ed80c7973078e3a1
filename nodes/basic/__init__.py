"""Nodes for values of any kind."""
