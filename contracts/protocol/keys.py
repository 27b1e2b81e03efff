"""Keys and signatures: low-s secp256k1 over a 32-byte digest, nothing else."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from coincurve import PrivateKey, PublicKey

from contracts.protocol.eip712 import Domain, Struct, checksum, digest
from contracts.protocol.errors import ProtocolError, SignatureError
from contracts.protocol.hashing import keccak

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class Signer:
    """A private key that signs structs; never prints itself."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise ProtocolError("private_key", "32 bytes", f"{len(secret)} bytes")
        self._key = PrivateKey(secret)
        self.address = address_of(self._key.public_key)

    def __repr__(self) -> str:
        return f"Signer({self.address})"

    @classmethod
    def generate(cls) -> Signer:
        """A fresh random key."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def load(cls, path: Path) -> Signer:
        """Read a key file; refuses one that group or others may read."""
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ProtocolError(str(path), "a key file that only its owner may read", oct(mode))
        try:
            return cls(bytes.fromhex(path.read_text().strip().removeprefix("0x")))
        except ValueError:
            # The text of the file is a secret: the cause would carry it.
            raise ProtocolError(str(path), "64 hex digits", "something else") from None

    def save(self, path: Path) -> None:
        """Write a new key file that only its owner may read; never overwrites one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("0x" + self.secret_hex() + "\n")

    def secret_hex(self) -> str:
        """The key as 64 hex digits, for signers of chain transactions."""
        return self._key.secret.hex()

    def sign_digest(self, digest_: bytes) -> bytes:
        """65 bytes r || s || v with v 27 or 28."""
        raw = self._key.sign_recoverable(digest_, hasher=None)
        return raw[:64] + bytes([raw[64] + 27])

    def sign(self, struct: Struct, domain: Domain) -> bytes:
        """Sign a struct for a chain and contract."""
        return self.sign_digest(digest(struct, domain))

    def sign_text(self, text: str) -> bytes:
        """Sign a text as wallets do (EIP-191, version 0x45)."""
        return self.sign_digest(text_digest(text))


def text_digest(text: str) -> bytes:
    """Digest of ``personal_sign``."""
    data = text.encode()
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(data)).encode() + data)


def address_of(key: PublicKey) -> str:
    """Checksummed address of a public key."""
    return checksum("0x" + keccak(key.format(compressed=False)[1:])[-20:].hex())


def recover(digest_: bytes, signature: bytes) -> str:
    """Address that signed the digest; refuses malformed and malleable signatures.

    Takes 65 bytes (r, s, v with v 27 or 28) or the 64 bytes of EIP-2098.
    """
    r, s, parity = _split(signature)
    if not 0 < s <= _HALF_ORDER:
        raise SignatureError("signature.s", "0 < s <= n/2 (low s)", hex(s))
    if r == 0:
        raise SignatureError("signature.r", "r > 0", hex(r))
    recoverable = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([parity])
    try:
        key = PublicKey.from_signature_and_message(recoverable, digest_, hasher=None)
    except Exception as error:  # coincurve raises a bare Exception for an unrecoverable point
        raise SignatureError("signature", "a point on the curve", "0x" + signature.hex()) from error
    return address_of(key)


def compact(signature: bytes) -> bytes:
    """The 64 bytes of EIP-2098, in which the chain takes signatures of vouchers; zeros for none."""
    if not signature:
        return bytes(64)
    r, s, parity = _split(signature)
    if s >= 1 << 255:
        raise SignatureError("signature.s", "0 < s <= n/2 (low s)", hex(s))
    return r.to_bytes(32, "big") + (s | parity << 255).to_bytes(32, "big")


def require_signer(digest_: bytes, signature: bytes, signer: str, field: str) -> None:
    """Refuse a signature that ``signer`` did not make."""
    found = recover(digest_, signature)
    if found != signer:
        raise SignatureError(field, f"a signature by {signer}", f"one by {found}")


def _split(signature: bytes) -> tuple[int, int, int]:
    if len(signature) == 65:
        if signature[64] not in (27, 28):
            raise SignatureError("signature.v", "27 or 28", signature[64])
        s = int.from_bytes(signature[32:64], "big")
        return int.from_bytes(signature[:32], "big"), s, signature[64] - 27
    if len(signature) == 64:
        vs = int.from_bytes(signature[32:], "big")
        return int.from_bytes(signature[:32], "big"), vs & (1 << 255) - 1, vs >> 255
    raise SignatureError("signature", "64 or 65 bytes", f"{len(signature)} bytes")
