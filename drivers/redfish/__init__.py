"""The ``redfish`` driver: BMCs that speak Redfish over HTTPS."""
