"""Audio nodes: they make, change, mix, measure and draw sound."""
