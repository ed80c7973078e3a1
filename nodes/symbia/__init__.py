"""The built-in components of Symbia graphs, under their own names and with their own config.

Parameters are called as the config keys of a graph are, and ports as its ports.
None stands for null and undefined, and is no item: what a component makes None
of goes no further.
"""
