"""The provision states of nodes, in Ironic's words, and which of them concern conductors."""

from typing import Final

from podium.db.models import nodes

#: Recorded only: no conductor reads such a node, and no driver knows it.
ENROLL: Final = "enroll"
#: A conductor is about to read the node's power, see :mod:`podium.db.provisioning`.
VERIFYING: Final = "verifying"
MANAGEABLE: Final = "manageable"
AVAILABLE: Final = "available"
ACTIVE: Final = "active"

#: Why nothing happens to a node in ``enroll``.
NOT_CONDUCTED: Final = (
    "the node is in enroll, and no conductor looks after it; set its provision state to manage first"
)
#: The condition that a conductor looks after a node.
IS_CONDUCTED: Final = nodes.c.provision_state != ENROLL
