"""What runs under a lease, what it printed, and the files it takes and gives."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from contracts.protocol.lifecycle import ExitReason, JobStatus
from marketplace_api.models.base import (
    Base,
    Created,
    Digest,
    Document,
    Documents,
    Instant,
    Number,
    Wallet,
    Words,
    status_column,
)


class Job(Base):
    """One command of a holder."""

    __tablename__ = "job"
    __table_args__ = (
        Index(None, "lease_id", "created_at"),
        # Who may read a blob is asked by the jobs that name it.
        Index(None, "inputs", postgresql_using="gin"),
        Index(None, "outputs", postgresql_using="gin"),
        CheckConstraint("log_size >= 0", name="log_size"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    lease_id: Mapped[UUID] = mapped_column(ForeignKey("lease.id"))
    name: Mapped[str] = mapped_column(String(64))
    argv: Mapped[Words]
    env: Mapped[Document]
    limits: Mapped[Document]
    inputs: Mapped[Documents]
    """[{path, sha256}]"""
    outputs: Mapped[Documents] = mapped_column(server_default=text("'[]'"))
    """[{path, sha256, size}], told by the agent when the job is over."""
    status: Mapped[JobStatus] = mapped_column(status_column(JobStatus), default=JobStatus.QUEUED)
    reason: Mapped[ExitReason | None] = mapped_column(status_column(ExitReason))
    exit_code: Mapped[int | None]
    peak_memory_bytes: Mapped[Number | None]
    cpu_milliseconds: Mapped[Number | None]
    cancel_requested: Mapped[bool] = mapped_column(server_default=text("false"))
    log_size: Mapped[Number] = mapped_column(server_default=text("0"))
    """Bytes of log stored so far; the next piece starts here."""
    created_at: Mapped[Created]
    started_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]


class JobLog(Base):
    """A piece of what a job printed."""

    __tablename__ = "job_log"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"), primary_key=True)
    offset: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary())


class Blob(Base):
    """A file by its digest; the bytes lie on disk."""

    __tablename__ = "blob"
    __table_args__ = (CheckConstraint("size >= 0", name="size"),)

    sha256: Mapped[Digest] = mapped_column(primary_key=True)
    size: Mapped[Number]
    path: Mapped[str]
    """Below the blob folder."""
    uploader: Mapped[Wallet]
    created_at: Mapped[Created]


class BlobOwner(Base):
    """Somebody who showed the bytes and may read them back."""

    __tablename__ = "blob_owner"

    sha256: Mapped[Digest] = mapped_column(ForeignKey("blob.sha256"), primary_key=True)
    wallet: Mapped[Wallet] = mapped_column(primary_key=True)
