"""Random runs of the whole protocol against its model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from brownie import chain
from hypothesis import strategies

from stateful import case_calls as case
from stateful import money_calls as money
from stateful import order_calls as order
from stateful import registry_calls as registry
from stateful import usage_calls as usage
from stateful.exits import everybody_leaves
from stateful.play import Play
from stateful.rules import RULES
from stateful.twin import Twin

TRADE = (order.fill,) * 6 + (order.resale,) * 3 + (usage.transfer, usage.split, usage.merge)
SERVE = (usage.redeem,) * 5 + (usage.redeem_group,) + (usage.close,) * 3 + (usage.split,) * 2
DISPUTE = (
    *(case.proceed,) * 12, case.claim_usage, case.claim_no_show, case.challenge, case.answer,
    case.decide, case.resolve, case.release, case.interrupt, case.interrupt, case.prove_receipts,
    case.prove_overlap, case.prove_cancelled, case.prove_verdicts, case.prove_attestations,
)  # fmt: skip
RUN = (
    money.deposit, money.withdraw, money.donate, money.set_delegate, money.set_delegate,
    money.cancel, money.cancel_all, money.bond, money.request_unbonding, money.release_bond,
    registry.attest, registry.attest, registry.revoke, registry.remove_device, registry.set_agent,
    registry.register_terms, registry.announce, registry.announce, *(registry.execute,) * 4,
    registry.set_directly, registry.pause, registry.unpause,
)  # fmt: skip
ALL = (TRADE, TRADE, SERVE, SERVE, DISPUTE, DISPUTE, RUN)


class Protocol:
    """The rules of the state machine; what a step does its own dice say.

    Hypothesis draws a seed for each step and not each throw: its buffer would hold no more than the
    first few calls of a run. What it shrinks is the list of steps. It also leaves rules out of a
    run at random, so that each of ours does some of what the others do.
    """

    # Hypothesis would begin with examples of one or two calls, filled up with zeros: that no seed
    # is zero makes those invalid before they do anything.
    st_seed = strategies.integers(min_value=0, max_value=2**32 - 1).filter(bool)

    opened: Twin
    wallet: str
    play: Play

    def __init__(self, opened: Twin, wallet: str) -> None:
        self.opened, self.wallet = opened, wallet

    def setup(self) -> None:
        self.play = Play(self.opened.copy_of(), self.wallet)
        self.play.twin.checks = list(RULES)
        self.seen: Counter[int] = Counter()
        self.play.twin.node.rpc("miner_stop")

    def teardown(self) -> None:
        try:
            # A run that failed is not finished.
            if self.play.twin.calls > self.opened.calls and not self.play.twin.failed:
                everybody_leaves(self.play)
        finally:
            self.play.twin.node.rpc("miner_start")

    def teardown_final(self) -> None:
        """Brownie undoes a run before the next one only: the last would stay for other tests."""
        chain.revert()

    def rule_trade(self, st_seed: int) -> None:
        self._step(st_seed, TRADE)

    def rule_serve(self, st_seed: int) -> None:
        self._step(st_seed, SERVE)

    def rule_dispute(self, st_seed: int) -> None:
        self._step(st_seed, DISPUTE)

    def rule_run(self, st_seed: int) -> None:
        self._step(st_seed, RUN)

    def _step(self, seed: int, calls: tuple[Callable[[Play], None], ...]) -> None:
        """One call, of the kind that the rule names or, half the time, of any."""
        # Hypothesis likes to repeat a step: its dice fall otherwise the second time.
        dice = Random(f"{seed} {self.seen[seed]}")
        self.seen[seed] += 1
        play = self.play
        play.dice = dice
        if dice.randrange(3) == 0:
            play.twin.now = max(play.twin.now, dice.choice(play.moments()) - 2)
        kinds = dice.choice(ALL) if dice.randrange(2) else calls
        before = play.twin.calls
        dice.choice(kinds)(play)
        if play.twin.calls == before:  # there was nothing that it could be done to
            order.fill(play)


def wallet_of(twin: Twin) -> str:
    """The buyer that is a contract: the account that is nobody's key."""
    known = {key.address for key in twin.bourse.keys.values()}
    return next(who for who in twin.model.tokens if who not in known | {twin.model.market})
