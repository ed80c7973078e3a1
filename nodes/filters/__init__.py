"""FFmpeg's filters as nodes."""
