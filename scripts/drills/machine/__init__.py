"""Time zones, full disks, programs that stand still or run twice."""
