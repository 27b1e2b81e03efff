"""The contracts and the model side by side: every call goes to both, and both must say the same."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from os import environ
from typing import Any

from bourse import Bourse
from brownie import ViewBatch, accounts
from model.parts import Refused
from model.state import State

from stateful.node import Node, Receipt
from stateful.views import Label, Reader, Value, expected

FULL_EVERY = int(environ.get("GPUBOURSE_MODEL_FULL", "15"))
"""After so many calls everything is read from the chain, between them what a call should have
changed and a few labels in turn."""
IN_TURN = 4


class Mismatch(AssertionError):  # noqa: N818 - not an error of the program
    """Chain and model disagree."""


@dataclass(frozen=True)
class Step:
    """One call and what it did, for the rules."""

    name: str
    caller: str
    now: int
    error: str | None
    skips: tuple[str, ...]
    receipt: Receipt
    before: dict[Label, Value]
    """As the chain told it; never altered."""
    after: dict[Label, Value]
    orders: tuple[Any, ...]
    """What the call was made with, as the model takes it."""
    earlier: State
    later: State


class Twin:
    """One bourse and its model."""

    def __init__(self, bourse: Bourse, model: State, node: Node) -> None:
        self.bourse, self.model, self.node = bourse, model, node
        self.reader = Reader(bourse, accounts[1].deploy(ViewBatch), node)
        self.now = model.now
        self.raw: dict[Label, Value] = {}
        self.known: dict[Label, Value] = {}
        self.calls = 0
        self.turn = 0
        self.log: list[str] = []
        self.failed = False
        self.checks: list[Callable[[Step], None]] = []
        self.tally: Counter[tuple[str, str]] = Counter()
        """How often each call ended how, over all runs."""

    def copy_of(self) -> Twin:
        """A twin for one run: the chain is shared, and brought back by a snapshot."""
        twin = copy.copy(self)
        twin.model = self.model.clone()
        twin.raw, twin.known, twin.log = dict(self.raw), dict(self.known), []
        return twin

    def call(
        self,
        caller: str,
        target: Any,
        data: str,
        effect: Callable[..., list[str] | None],
        *args: Any,
        wait: int = 1,
    ) -> str | None:
        """Make a call on both sides; returns the name of the error, of both."""
        self.now += max(1, wait)
        self.calls += 1
        name = effect.__name__
        receipt = self.node.send(caller, str(target.address), data, self.now)
        earlier = self.model
        error, skips = self._attempt(effect, caller, *args)
        self._note(name, caller, args, error, skips)
        self.tally.update((name, outcome) for outcome in (skips or [error or "done"]))
        self.tally.update(("event", event) for event, _ in receipt.events)
        if (receipt.error, receipt.skips) != (error, skips):
            self.fail(f"{name}: chain {receipt.error, receipt.skips}, model {error, skips}")
        before = self.raw
        self.raw = dict(before)
        self.compare()
        step = Step(
            name, caller, self.now, error, tuple(skips), receipt, before, self.raw, args, earlier,
            self.model,
        )  # fmt: skip
        for check in self.checks:
            try:
                check(step)
            except AssertionError as failure:
                self.fail(f"{check.__name__}: {failure}")
        return error

    def _attempt(
        self, effect: Callable[..., list[str] | None], caller: str, *args: Any
    ) -> tuple[str | None, list[str]]:
        trial = self.model.clone()
        trial.now = self.now
        try:
            skips = effect(trial, caller, *args) or []
        except Refused as refused:
            self.model = self.model.clone()
            self.model.now = self.now
            return refused.name, []
        self.model = trial
        return None, skips

    def compare(self, everything: bool = False) -> None:
        """Read what should have changed and a few labels in turn, or everything."""
        wanted = expected(self.model)
        if everything or self.calls % FULL_EVERY == 0 or not self.known:
            labels = list(wanted)
        else:
            labels = [label for label in wanted if self.known.get(label) != wanted[label]]
            labels += [("held",), ("tokens", self.model.market)]
            labels += self._in_turn(list(wanted))
        labels = list(dict.fromkeys(labels))
        self.known = wanted
        found = self.reader.read(labels)
        self.raw.update(found)
        wrong = [label for label in labels if found[label] != wanted[label]]
        if wrong:
            lines = (f"  {label}: chain {found[label]}, model {wanted[label]}" for label in wrong)
            self.fail("the state differs\n" + "\n".join(lines))

    def _in_turn(self, labels: list[Label]) -> list[Label]:
        self.turn = (self.turn + IN_TURN) % len(labels)
        return labels[self.turn : self.turn + IN_TURN]

    def _note(
        self, name: str, caller: str, args: tuple[Any, ...], error: str | None, skips: list[str]
    ) -> None:
        values = ", ".join(map(str, args))
        outcome = error or (f"skipped {skips}" if skips else "done")
        self.log.append(f"{self.now} {self._named(f'{caller} {name}({values})')}: {outcome}")

    def _named(self, text: str) -> str:
        for name, key in self.bourse.keys.items():
            text = text.replace(key.address, name)
        return text

    def fail(self, message: str) -> None:
        self.failed = True
        told = "\n".join(self.log)
        raise Mismatch(
            f"{self._named(message)}\nafter these calls:\n{told}\n{self._named(message)}"
        )
