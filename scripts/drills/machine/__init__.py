"""Time zones, full disks, programs that are paused or run twice."""
