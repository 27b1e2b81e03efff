"""Files over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import FileResponse

from marketplace_api.auth.dependencies import WalletDep
from marketplace_api.context import ContextDep
from marketplace_api.db import SessionDep
from marketplace_api.jobs import blobs
from marketplace_api.jobs.schemas import BlobAnswer
from marketplace_api.problems import responses

router = APIRouter(prefix="/v1/blobs", tags=["blobs"])
DigestPath = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the bytes")]


async def _read_body(request: Request) -> bytes:
    return await request.body()


@router.put(
    "/{sha256}",
    summary="Store a file",
    responses=responses(401, 413, 422),
    openapi_extra={
        "requestBody": {
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            }
        }
    },
)
def put_blob(
    sha256: DigestPath,
    wallet: WalletDep,
    content: Annotated[bytes, Depends(_read_body)],
    session: SessionDep,
    context: ContextDep,
) -> BlobAnswer:
    """Raw bytes, at most 64 MiB, named by their own digest: safe to repeat."""
    blobs.check_digest(sha256, content)
    path = blobs.write(context.settings.blob_folder, sha256, content)
    blobs.store(session, wallet, sha256, len(content), path)
    return BlobAnswer(sha256=sha256, size=len(content))


@router.get(
    "/{sha256}",
    summary="Read a file",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "Raw bytes"},
        **responses(401, 403, 404, 422),
    },
)
def get_blob(
    sha256: DigestPath, wallet: WalletDep, session: SessionDep, context: ContextDep
) -> FileResponse:
    """For who uploaded it, and for both sides of a lease with a job that names it."""
    path = blobs.open_for(session, wallet, sha256, context.settings.blob_folder)
    return FileResponse(path, media_type="application/octet-stream")
