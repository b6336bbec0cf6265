"""A Podium driver for everything that ClusterLabs' fence agents can switch."""
