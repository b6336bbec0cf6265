"""A Podium driver for PDUs switched over SNMP: APC and Raritan."""
