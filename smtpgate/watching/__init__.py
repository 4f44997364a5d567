"""What others may see of the running gateway, when they are let: metrics, health, traces (docs/watching.md)."""
