"""The network-on-chip: routers, cycle by cycle."""
