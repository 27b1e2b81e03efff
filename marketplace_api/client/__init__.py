"""The SDK: the bourse from Python, with httpx and the protocol only.

::

    from contracts.protocol.keys import Signer
    from marketplace_api.client import Bourse

    with Bourse("http://127.0.0.1:8700") as bourse:
        bourse.login(Signer.load(Path("buyer.key")))
        for offer in bourse.book("nvidia/h100/80gb/sxm"):
            print(offer.price_per_gpu_hour)
"""

from marketplace_api.client.client import Bourse
from marketplace_api.client.delegate import Delegate, JobWatch, Journal
from marketplace_api.client.errors import BourseError, RefusedError, UnreachableError
from marketplace_api.client.orders import (
    AcceptedTerms,
    Slot,
    Supply,
    Wish,
    new_ask,
    new_bid,
    sign_order,
)

__all__ = [
    "AcceptedTerms",
    "Bourse",
    "BourseError",
    "Delegate",
    "JobWatch",
    "Journal",
    "RefusedError",
    "Slot",
    "Supply",
    "UnreachableError",
    "Wish",
    "new_ask",
    "new_bid",
    "sign_order",
]
