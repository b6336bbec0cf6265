"""The provision states of nodes, by Ironic's words, and which of them are a conductor's."""

from typing import Final

from podium.db.models import nodes

#: Known, and no more: no conductor reads such a node, and no driver knows of it.
ENROLL: Final = "enroll"
#: A conductor is to read the node's power, see :mod:`podium.db.provisioning`.
VERIFYING: Final = "verifying"
MANAGEABLE: Final = "manageable"
AVAILABLE: Final = "available"
ACTIVE: Final = "active"

#: Why nothing happens to one that is not.
NOT_CONDUCTED: Final = (
    "the node is in enroll, and no conductor looks after it; set its provision state to manage first"
)
#: To be a node that a conductor looks after.
IS_CONDUCTED: Final = nodes.c.provision_state != ENROLL
