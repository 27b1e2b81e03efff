"""Issues the receipts of one lease and counts which of them the holder counter-signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from contracts.protocol.eip712 import digest
from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer, recover
from contracts.protocol.typed_data import Receipt, voucher_of
from contracts.protocol.wire import from_wire, parse_hex, to_hex, to_wire
from provider_agent.chain import ChainReader, ChainUnreachableError
from provider_agent.client import MarketplaceClient
from provider_agent.courier import Courier
from provider_agent.home import Place
from provider_agent.journal import Journal, ReceiptIssued, ReceiptSigned
from provider_agent.lease_book import LeaseHistory
from provider_agent.metering import Clock, Measured
from provider_agent.receipts import SignedReceipt, next_receipt, sign_receipt
from provider_agent.transport import ApiRefusedError

log = structlog.get_logger()


class ReceiptDesk:
    """A receipt is in the journal before anybody hears of it; its sequence is never used again.

    The worker issues; the courier delivers and looks for counter-signatures.
    """

    def __init__(
        self,
        history: LeaseHistory,
        place: Place,
        agent: Signer,
        journal: Journal,
        client: MarketplaceClient,
        chain: ChainReader,
    ) -> None:
        self.lease = history.lease
        self._place = place
        self._agent = agent
        self._journal = journal
        self._client = client
        self._chain = chain
        self._issued = [_signed(record) for record in history.issued]
        # Of those from before a restart the time is not known: they have waited long enough.
        self._issued_at = [float("-inf")] * len(self._issued)
        self._last_signed = history.last_signed
        self._known_keys: set[str] = {self.lease.holder}
        self._foreign: set[tuple[int, str]] = set()
        self.refused = False
        """The API did not take a receipt: nothing more can be earned under this lease."""
        self.courier = Courier(self.lease.id, self.look)
        for record, signed in zip(history.issued, self._issued, strict=True):
            if record.sequence > self._last_signed:
                self._deliver(signed, record.samples)

    @property
    def last(self) -> Receipt | None:
        """The newest receipt."""
        return self._issued[-1].receipt if self._issued else None

    @property
    def unsigned(self) -> int:
        """How many receipts after the last counter-signed one."""
        return len(self._issued) - self._last_signed

    def unsigned_before(self, monotonic: float) -> int:
        """How many of these were issued before a moment."""
        return sum(at <= monotonic for at in self._issued_at[self._last_signed :])

    @property
    def is_final(self) -> bool:
        """Whether the final receipt is out."""
        return self.last is not None and self.last.is_final

    @property
    def is_settled(self) -> bool:
        """Whether the final receipt is out and counter-signed."""
        return self.is_final and self.unsigned == 0

    def issue(
        self, measured: Measured, clock: Clock, uuids: tuple[str, ...], *, is_final: bool
    ) -> Receipt:
        """Make, sign, write down and send the next receipt."""
        receipt = next_receipt(
            self.lease, self.last, measured, clock.wall(), uuids=uuids, is_final=is_final
        )
        signed = sign_receipt(receipt, self._agent, self._place.market_domain)
        samples = tuple(leaf.to_json() for leaf in measured.leaves)
        self._journal.append(
            ReceiptIssued(
                lease=self.lease.id,
                sequence=receipt.sequence,
                receipt=to_wire(receipt),
                signature=to_hex(signed.signature),
                voucher_signature=to_hex(signed.voucher_signature),
                samples=samples,
            )
        )
        self._issued_at.append(clock.monotonic())
        self._issued.append(signed)
        self._deliver(signed, samples)
        log.info(
            "receipt.issued",
            lease=self.lease.id,
            sequence=receipt.sequence,
            used_gpu_ms=receipt.used_gpu_ms,
            is_final=is_final,
        )
        return receipt

    def look(self) -> None:
        """Ask for counter-signatures while some are missing; believe only what the keys say."""
        if self.unsigned == 0:
            return
        # The newest first: totals are cumulative, so it says all that the older ones say.
        for receipt, signature in reversed(self._client.countersigned(self.lease.id)):
            if receipt.sequence <= self._last_signed:
                return
            if self._is_countersigned(receipt, signature):
                self._journal.append(ReceiptSigned(self.lease.id, receipt.sequence, signature))
                self._last_signed = receipt.sequence
                return

    def _deliver(self, signed: SignedReceipt, samples: Sequence[dict[str, Any]]) -> None:
        lease = self.lease.id
        self.courier.put(
            f"receipt {signed.receipt.sequence}",
            lambda: self._client.post_receipt(lease, signed, samples),
            self._note_refusal,
        )

    def _note_refusal(self, _error: ApiRefusedError) -> None:
        self.refused = True

    def _is_countersigned(self, receipt: Receipt, signature: str) -> bool:
        known = (receipt.sequence, signature)
        if not 0 < receipt.sequence <= len(self._issued) or known in self._foreign:
            return False
        ours = self._issued[receipt.sequence - 1].receipt
        try:
            raw = parse_hex(signature, "holder_signature")
            key = recover(digest(voucher_of(ours), self._place.market_domain), raw)
            if key in self._known_keys or self._is_delegate(key):
                return True
        except ProtocolError as error:
            log.warning("receipt.bad_signature", lease=self.lease.id, error=str(error))
        except ChainUnreachableError:
            return False
        self._foreign.add(known)
        return False

    def _is_delegate(self, key: str) -> bool:
        head = self._chain.head()
        if self._chain.is_delegate(self._place.market, self.lease.holder, key, head):
            self._known_keys.add(key)
            return True
        log.warning("receipt.foreign_signature", lease=self.lease.id, key=key)
        return False


def _signed(record: ReceiptIssued) -> SignedReceipt:
    return SignedReceipt(
        from_wire(Receipt, record.receipt),
        parse_hex(record.signature, "signature"),
        parse_hex(record.voucher_signature, "voucher_signature"),
    )
