"""The operator's rules for nodes that cannot be read or whose power somebody else changes."""

from dataclasses import dataclass

from oslo_config import cfg

from podium import states
from podium.conductor.fleet.entry import ENFORCE, IGNORE, Entry


@dataclass(frozen=True, slots=True)
class Rules:
    """The options for differences and faults; times in seconds.

    :param force: whether enforcement applies to nodes without their own policy
    :param max_retries: the number of failed reads in a row that makes a fault; 0 for never
    :param in_maintenance: whether nodes in maintenance are read
    :param dry_run: whether enforcement only reports what it would do
    :param flap_changes: a node with more changes than this within ``flap_window`` flaps
    :param correlated_share: the share of a group that may change or vanish within ``correlated_window``
    """

    force: bool = False
    max_retries: int = 3
    in_maintenance: bool = False
    dry_run: bool = False
    flap_changes: int = 3
    flap_window: float = 3600.0
    correlated_share: float = 0.1
    correlated_window: float = 300.0

    @classmethod
    def read(cls, conf: cfg.ConfigOpts) -> "Rules":
        """The values that are in force now."""
        return cls(
            force=conf.conductor.force_power_state_during_sync,
            max_retries=conf.conductor.power_state_sync_max_retries,
            in_maintenance=conf.conductor.sync_in_maintenance,
            dry_run=conf.conductor.enforce_dry_run,
            flap_changes=conf.conductor.enforce_flap_changes,
            flap_window=float(conf.conductor.enforce_flap_window),
            correlated_share=conf.conductor.enforce_correlated_share,
            correlated_window=float(conf.conductor.enforce_correlated_window),
        )

    def enforce(self, entry: Entry) -> bool:
        """Whether a node is switched back when somebody else switches it."""
        if entry.stays_on and entry.wanted == states.POWER_OFF:
            return False
        return entry.policy == ENFORCE or (entry.policy is None and self.force)

    def reads(self, entry: Entry) -> bool:
        """Whether a node's power is read."""
        if entry.policy == IGNORE:
            return entry.is_verifying
        return self.in_maintenance or entry.unreadable or not entry.node.maintenance or entry.is_verifying
