"""`make slither`: every detector of Slither over the contracts that run in production.

Runs in `.venv-slither`. What is left out as a whole stands in `LEFT_OUT` with its reason; what is
right in one place only is marked there, in the contract, with the reason beside it.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from crytic_compile import CryticCompile
from crytic_compile.platform import solc_standard_json
from crytic_compile.platform.solc_standard_json import SolcStandardJson
from slither import Slither
from slither.detectors import all_detectors
from slither.detectors.abstract_detector import AbstractDetector

ROOT = Path(__file__).absolute().parents[2]
OURS = ("contracts/*.sol", "contracts/libraries/*.sol", "contracts/types/*.sol")
NOT_OURS = ["node_modules", "contracts/mocks"]
LEFT_OUT: dict[str, str] = {
    "naming-convention": "immutables in capitals and private names with underscores are our style",
    "timestamp": "windows and deadlines are the subject; the least that matters is a minute",
    "solc-version": "0.8.30 is pinned: the newest that our chain and library take",
    "pragma": "OpenZeppelin's files allow ranges; ours name one version",
    "calls-loop": "a batch calls our own registry, token and modules once an element",
    "assembly": "only OpenZeppelin's code has any",
    "low-level-calls": "only the bounded static call to a contract wallet, tested for each abuse",
    "uninitialized-local": "Solidity sets locals to zero, and ours begin there",
}
OWN = "the callee is one of our contracts, fixed at deployment, and calls nobody back"
HOURS = "rounds to whole hours, which is what is meant"
PARTS = "the other parts of the answer are not needed here"
ACCEPTED: tuple[tuple[str, str, str], ...] = (
    ("reentrancy-no-eth", "Arbitration.proveOverlap(", OWN),
    ("reentrancy-events", "GpuMarket.releaseBond(", OWN),
    ("reentrancy-events", "Fills.group(", OWN),
    ("reentrancy-events", "Fills._reserve(", OWN),
    ("reentrancy-events", "Payout.close(", OWN),
    ("reentrancy-events", "Payout._end(", OWN),
    ("reentrancy-events", "Resale._fillGroup(", OWN),
    ("reentrancy-events", "Arbitration.proveOverlap(", OWN),
    (
        "reentrancy-events",
        "GpuMarket.depositWithPermit(",
        "the token is called before anything is written, and `depositFor` has the guard",
    ),
    ("divide-before-multiply", "FleetLib.remove(", HOURS),
    ("divide-before-multiply", "Payout._end(", HOURS),
    ("divide-before-multiply", "Payout.shorten(", HOURS),
    ("divide-before-multiply", "Calendar.civil(", "calendar arithmetic counts whole days"),
    (
        "divide-before-multiply",
        "Arbitration._end(",
        "arbiters get equal shares; what does not divide stays where it was",
    ),
    (
        "incorrect-equality",
        "Accounts.payIn(",
        "a deposit of which nothing arrives is refused; whatever arrives is credited",
    ),
    (
        "cache-array-length",
        "_auditors.length",
        "governance, at most 255 auditors, and plainer as it is",
    ),
    ("unused-return", "Signatures.signer(", "why a signature is nobody's makes no difference"),
    ("unused-return", "RoleProofs._slashRole(", "the amount was bounded by what is there before"),
    ("unused-return", "GpuMarket._redeem(", PARTS),
    ("unused-return", "SeriesMetadata._known(", PARTS),
    ("unused-return", "Arbitration._end(", PARTS),
    ("unused-return", "Arbitration.answer(", PARTS),
    ("unused-return", "Arbitration._leaseOrNone(", PARTS),
)
"""Detector, what the first line of a finding contains, and why it is right as it is."""


_run_compiler = solc_standard_json.run_solc_standard_json


def _without_code(*arguments: Any, **options: Any) -> dict[str, Any]:
    """The compiler's answer with empty code: no detector reads it, and it takes minutes."""
    answer: dict[str, Any] = _run_compiler(*arguments, **options)
    empty = {"object": "", "sourceMap": ""}
    for contracts in answer.get("contracts", {}).values():
        for contract in contracts.values():
            contract["evm"] = {"bytecode": empty, "deployedBytecode": empty}
    return answer


def compiled() -> CryticCompile:
    """Every contract, library and struct of ours."""
    solc_standard_json.run_solc_standard_json = _without_code
    target = SolcStandardJson()
    for pattern in OURS:
        for path in sorted(ROOT.glob(pattern)):
            target.add_source_file(str(path.relative_to(ROOT)))
    target.add_remapping("@openzeppelin/=node_modules/@openzeppelin/")
    settings = target.to_dict()["settings"]
    settings["evmVersion"] = "shanghai"
    settings["outputSelection"] = {"*": {"*": ["abi"], "": ["ast"]}}
    solc = str(ROOT / "contracts" / "toolchain" / "solc-v0.8.30")
    return CryticCompile(target, solc=solc, solc_working_dir=str(ROOT))


def findings() -> list[dict[str, Any]]:
    """What the detectors say and nobody answered."""
    slither = Slither(compiled(), filter_paths=NOT_OURS, exclude_dependencies=True)
    for _, detector in inspect.getmembers(all_detectors, inspect.isclass):
        concrete = issubclass(detector, AbstractDetector) and detector is not AbstractDetector
        if concrete and detector.ARGUMENT not in LEFT_OUT:
            slither.register_detector(detector)
    return [found for results in slither.run_detectors() for found in results]


def answer_to(finding: dict[str, Any]) -> tuple[str, str, str] | None:
    """The reason why a finding is none."""
    first = finding["description"].splitlines()[0]
    matching = (a for a in ACCEPTED if a[0] == finding["check"] and a[1] in first)
    return next(matching, None)


def main() -> int:
    """Exit code 1 where something is found, or a reason answers nothing any more."""
    found = findings()
    open_ = [finding for finding in found if answer_to(finding) is None]
    used = {answer_to(finding) for finding in found}
    stale = [accepted for accepted in ACCEPTED if accepted not in used]
    for finding in open_:
        print(f"[{finding['impact']}] {finding['check']}: {finding['description'].strip()}\n")
    for check, where, _ in stale:
        print(f"nothing to answer any more: {check} {where}")
    print(f"slither: {len(open_)} findings; {len(found) - len(open_)} answered one by one")
    print(f"detectors left out with a reason: {', '.join(LEFT_OUT)}")
    return 1 if open_ or stale else 0


if __name__ == "__main__":
    sys.exit(main())
