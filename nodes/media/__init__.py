"""Files and network streams: what libav reads and writes, as nodes.

`source` and `sink` hold the nodes; the other modules each hold one law they
share: how a libav error reads, how a file comes to its name, how pts become
continuous, when a header can be written.
"""
