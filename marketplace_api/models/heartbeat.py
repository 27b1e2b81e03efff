"""Signs of life of our own processes."""

from __future__ import annotations

from sqlalchemy import String, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace_api.models.base import Base, Created, Document


class ServiceHeartbeat(Base):
    """The last sign of life of one process."""

    __tablename__ = "service_heartbeat"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[Created]
    detail: Mapped[Document] = mapped_column(server_default=text("'{}'"))
