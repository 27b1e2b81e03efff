"""Rule 6: from wherever a run ended, a stranger gets all money out of positions."""

from __future__ import annotations

from model import accounts, cases, usage

from stateful.play import Play

SIX_DAYS = 6 * 24 * 3600


def everybody_leaves(play: Play) -> None:
    """Six days after the last end, with all but a stranger silent."""
    twin, stranger = play.twin, play.address("stranger")
    ends = [play.model.positions[lease].end for lease in play.leases()]
    twin.now = max([twin.now, *(end + SIX_DAYS for end in ends)])
    for lease in [lease for lease in play.leases() if play.case(lease).kind]:
        call = (stranger, "arbitration", "resolve", [*lease], cases.resolve, lease)
        assert play.call(*call, wait=1) is None
    leases = play.leases()
    if leases:
        play.call(stranger, "market", "close", [leases], usage.close, leases, wait=1)
    assert not play.leases(), play.leases()
    twin.now = max([twin.now, *(bond.unbonding_ends for bond in play.model.bonds.values())])
    for who in [who for who, bond in play.model.bonds.items() if bond.unbonding]:
        call = (stranger, "market", "releaseBond", [who], accounts.release_bond, who)
        assert play.call(*call, wait=1) is None
    twin.compare(everything=True)
    assert play.model.accounts[play.model.arbitration].balance == 0, "a claim bond stays behind"
