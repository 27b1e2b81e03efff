"""Key files of the operator, the auditors and the treasury."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts.protocol.keys import Signer
from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.settings import StackSettings


@dataclass(frozen=True, slots=True)
class ActorKeys:
    """Paths, never secrets."""

    operator: Path
    auditors: tuple[Path, ...]
    treasury: Path
    """Receives the fees; no process is given this file."""

    def addresses(self) -> tuple[str, ...]:
        """Who sends transactions: the operator, then the auditors."""
        return (Signer.load(self.operator).address, *self.auditor_addresses())

    def auditor_addresses(self) -> tuple[str, ...]:
        """Whose attestations the contracts will believe."""
        return tuple(Signer.load(path).address for path in self.auditors)

    def treasury_address(self) -> str:
        """Where fees go."""
        return Signer.load(self.treasury).address


def ensure_keys(home: Home, settings: StackSettings) -> ActorKeys:
    """Use the key files that are set, make the others once."""
    operator = settings.operator_key_file or home.keys / "operator"
    if settings.auditor_key_files:
        auditors = tuple(Path(path) for path in settings.auditor_key_files.split(","))
    else:
        auditors = tuple(home.keys / f"auditor-{n}" for n in range(1, settings.auditors + 1))
    treasury = home.keys / "treasury"
    for path in (operator, *auditors, treasury):
        if not path.exists():
            Signer.generate().save(path)
    return ActorKeys(operator.resolve(), tuple(path.resolve() for path in auditors), treasury)
