"""Video nodes: they make, change, mark and save pictures, in yuv420p unless asked otherwise."""
