"""The folder that holds the agent's keys, journal and jobs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from contracts.protocol.eip712 import Domain, checksum
from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer


@dataclass(frozen=True, slots=True)
class Place:
    """The chain and contracts that this agent works for; pinned when it enrols."""

    chain_id: int
    market: str
    registry: str
    payment_token: str

    @property
    def market_domain(self) -> Domain:
        """Domain of receipts and vouchers."""
        return Domain(self.chain_id, self.market)

    @property
    def registry_domain(self) -> Domain:
        """Domain of inventories."""
        return Domain(self.chain_id, self.registry)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What enrolment settled: for whom the agent works, and where."""

    provider: str
    place: Place
    terms: tuple[int, ...] = ()
    """Numbers of the terms that were registered from here."""


@dataclass(frozen=True, slots=True)
class AgentHome:
    """Paths below the agent's folder."""

    root: Path

    @classmethod
    def at(cls, folder: Path) -> AgentHome:
        """Use a folder; made if it is missing, for its owner only."""
        root = folder.expanduser().resolve()
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(root)

    @property
    def owner_key(self) -> Path:
        """The owner wallet: enrols and signs asks; the running agent never reads it."""
        return self.root / "keys" / "owner.key"

    @property
    def agent_key(self) -> Path:
        """The hot key: signs receipts and inventories, nothing else."""
        return self.root / "keys" / "agent.key"

    @property
    def enrolment_file(self) -> Path:
        """What enrolment settled."""
        return self.root / "provider.json"

    @property
    def journal(self) -> Path:
        """What must survive a crash."""
        return self.root / "journal"

    @property
    def jobs(self) -> Path:
        """One folder for each running job."""
        return self.root / "jobs"

    @property
    def blobs(self) -> Path:
        """Inputs by digest."""
        return self.root / "blobs"

    @property
    def pid_file(self) -> Path:
        """The running agent."""
        return self.root / "agent.pid"

    @property
    def status_file(self) -> Path:
        """What the running agent last said of itself."""
        return self.root / "status.json"

    @property
    def log(self) -> Path:
        """Log of a detached agent."""
        return self.root / "agent.log"

    def agent(self) -> Signer:
        """The hot key."""
        return _load(self.agent_key)

    def owner(self) -> Signer:
        """The owner wallet's key."""
        return _load(self.owner_key)

    def enrolment(self) -> Enrolment:
        """What enrolment settled; raises ``ProtocolError`` before it."""
        if not self.enrolment_file.exists():
            raise ProtocolError("home", "an enrolled agent: gpubourse agent enrol", str(self.root))
        data = json.loads(self.enrolment_file.read_text())
        place = data["place"]
        return Enrolment(
            provider=checksum(data["provider"]),
            place=Place(
                int(place["chain_id"]),
                checksum(place["market"]),
                checksum(place["registry"]),
                checksum(place["payment_token"]),
            ),
            terms=tuple(int(number) for number in data["terms"]),
        )

    def save_enrolment(self, enrolment: Enrolment) -> None:
        """Keep what enrolment settled."""
        replace_file(self.enrolment_file, json.dumps(asdict(enrolment), indent=2))


def replace_file(path: Path, text: str) -> None:
    """Write a whole file so that readers see the old or the new one, never a part."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    os.replace(temporary, path)  # noqa: PTH105 - the atomic one


def _load(path: Path) -> Signer:
    if not path.exists():
        raise ProtocolError("home", "a folder made by: gpubourse agent init", str(path))
    return Signer.load(path)
