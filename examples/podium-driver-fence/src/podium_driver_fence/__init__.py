"""A Podium driver: whatever ClusterLabs' fence agents can switch."""
