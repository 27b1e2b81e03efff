"""Every table of the market, settlement's included; imported here so that the metadata is whole."""

from marketplace_api.models.access import IdempotencyKey, LoginNonce, WalletSession
from marketplace_api.models.base import Base
from marketplace_api.models.chain import ChainBlock, ChainCursor, ChainEvent, ChainTransaction
from marketplace_api.models.heartbeat import ServiceHeartbeat
from marketplace_api.models.job import Blob, BlobOwner, Job, JobLog
from marketplace_api.models.lease import Lease
from marketplace_api.models.ledger import Account, LedgerAccount, LedgerEntry, LedgerPosting
from marketplace_api.models.order import (
    CancelledNonce,
    LogKind,
    MatchRecord,
    Order,
    OrderLogEntry,
    OrderSide,
)
from marketplace_api.models.outbox import OutboxKind, OutboxMessage
from marketplace_api.models.supply import (
    REVOKED,
    Device,
    DeviceClass,
    Inventory,
    InventoryStatus,
    Provider,
    Terms,
)
from marketplace_api.models.usage import UsageReceipt

__all__ = [
    "REVOKED",
    "Account",
    "Base",
    "Blob",
    "BlobOwner",
    "CancelledNonce",
    "ChainBlock",
    "ChainCursor",
    "ChainEvent",
    "ChainTransaction",
    "Device",
    "DeviceClass",
    "IdempotencyKey",
    "Inventory",
    "InventoryStatus",
    "Job",
    "JobLog",
    "Lease",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerPosting",
    "LogKind",
    "LoginNonce",
    "MatchRecord",
    "Order",
    "OrderLogEntry",
    "OrderSide",
    "OutboxKind",
    "OutboxMessage",
    "Provider",
    "ServiceHeartbeat",
    "Terms",
    "UsageReceipt",
    "WalletSession",
]
