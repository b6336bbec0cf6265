"""A Podium driver for PDUs that are switched over SNMP: APC and Raritan."""
