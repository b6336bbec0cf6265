"""RMCP+: datagrams, sessions and commands of IPMI over LAN."""
