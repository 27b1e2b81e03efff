"""ERC-1155 transfers of unstarted units."""

from __future__ import annotations

import brownie
import pytest
from bourse import FREEZE, HOUR, MPS, OK, REDEEM_GRACE, ZERO, Bourse, Fill, terms
from brownie import HostileReceiver, accounts, chain
from counting import CUT, NOBODY, accounted, acting, position
from words import reverts

from contracts.protocol.series import Series


def move(bourse: Bourse, series: int, units: int, to: str, sender: str = "buyer") -> object:
    buyer = bourse.address("buyer")
    return bourse.market.safeTransferFrom(buyer, to, series, units, b"", bourse.sends(sender))


class TestMoved:
    def test_transfer__part__splits_position(self, bourse: Bourse) -> None:
        series = bourse.lease(milli=3000, duration=2 * HOUR)
        buyer, other = bourse.address("buyer"), bourse.address("other")
        end = bourse.market.positionOf(series, buyer)[3]
        move(bourse, series, 2000, other)
        assert bourse.market.positionOf(series, buyer) == (4000, 2000, 0, end, 0, 0)
        assert bourse.market.positionOf(series, other) == (2000, 1000, 0, end, 0, 0)

    def test_transfer__all__forgets_position(self, bourse: Bourse) -> None:
        series = bourse.lease(milli=2000)
        move(bourse, series, 2000, bourse.address("other"))
        assert bourse.market.positionOf(series, bourse.address("buyer")) == NOBODY
        assert bourse.market.balanceOf(bourse.address("other"), series) == 2000

    def test_transfer__receiver__spends_and_is_refunded(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, milli=2000)
        move(bourse, series, 1000, bourse.address("other"))
        chain.mine(timestamp=start + HOUR)
        voucher = bourse.voucher(series, 1_800_000, holder="other")
        assert bourse.redeem(bourse.signed(voucher)).reasons == (OK,)
        before = bourse.balance("other")
        chain.mine(timestamp=start + HOUR + REDEEM_GRACE + 1)
        bourse.close((series, "other"), (series, "buyer"))
        assert bourse.balance("other") == before + 1_000_000
        assert bourse.balance("buyer") == 998_000_000

    def test_transfer__zero_or_self__changes_nothing(self, bourse: Bourse) -> None:
        series = bourse.lease(milli=2000)
        before = bourse.state((series, "buyer"), (series, "other"))
        move(bourse, series, 0, bourse.address("other"))
        move(bourse, series, 1000, bourse.address("buyer"))
        assert bourse.state((series, "buyer"), (series, "other")) == before

    def test_transfer__batch__moves_each(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        first = bourse.lease(start=start)
        second = bourse.lease(start=start + HOUR, milli=2000)
        buyer, other = bourse.address("buyer"), bourse.address("other")
        tx = bourse.market.safeBatchTransferFrom(
            buyer, other, [first, second], [1000, 1000], b"", bourse.sends("buyer")
        )
        assert tx.events["TransferBatch"]["ids"] == (first, second)
        assert bourse.market.balanceOfBatch([buyer, buyer, other, other], [first, second] * 2) == (
            0,
            1000,
            1000,
            1000,
        )

    def test_transfer__approved_operator__moves(self, bourse: Bourse) -> None:
        series = bourse.lease()
        bourse.market.setApprovalForAll(bourse.address("stranger"), True, bourse.sends("buyer"))
        move(bourse, series, 1000, bourse.address("other"), sender="stranger")
        assert bourse.market.balanceOf(bourse.address("other"), series) == 1000

    def test_approval__taken_back__moves_no_more(self, bourse: Bourse) -> None:
        series, buyer, stranger = (
            bourse.lease(),
            bourse.address("buyer"),
            bourse.address("stranger"),
        )
        for approved in (True, False):
            tx = bourse.market.setApprovalForAll(stranger, approved, bourse.sends("buyer"))
            assert tuple(tx.events["ApprovalForAll"].values()) == (buyer, stranger, approved)
            assert bourse.market.isApprovedForAll(buyer, stranger) is approved
        with reverts("ERC1155MissingApprovalForAll", stranger, buyer):
            move(bourse, series, 1000, bourse.address("other"), sender="stranger")

    def test_transfer__step_of_shared_device__moves(self, bourse: Bourse) -> None:
        shared = b"\x07" * 32
        bourse.attest(bourse.attestation("GPU-S", device_class=shared, lane_milli=250))
        bourse.registry.registerTerms(
            terms(device_class=shared, isolation=MPS, step=250), bourse.sends("provider")
        )
        number = int(bourse.registry.termsCount())
        start, duration = bourse.next_hour(), 72
        wanted = Fill(bourse.bid(device_classes=shared), milli=1000, start=start, duration=duration)
        assert bourse.fill(bourse.ask(terms=number), wanted).reasons == ((OK,),)
        series = Series(start, duration, 2000, 250, number).id
        with reverts("NotWholeSteps", 4 * 3600, 250 * duration):
            move(bourse, series, 4, bourse.address("other"))
        move(bourse, series, 5, bourse.address("other"))
        assert bourse.market.positionOf(series, bourse.address("other"))[:2] == (5, 250)
        assert bourse.market.positionOf(series, bourse.address("buyer"))[:2] == (15, 750)


class TestRefused:
    def test_approval__of_nobody__refused(self, bourse: Bourse) -> None:
        with reverts("ERC1155InvalidOperator", ZERO):
            bourse.market.setApprovalForAll(ZERO, True, bourse.sends("buyer"))

    def test_transfer__more_than_held__refused(self, bourse: Bourse) -> None:
        series, buyer = bourse.lease(), bourse.address("buyer")
        with reverts("ERC1155InsufficientBalance", buyer, 1000, 2000, series):
            move(bourse, series, 2000, bourse.address("other"))

    def test_transfer__unapproved__refused(self, bourse: Bourse) -> None:
        series = bourse.lease()
        with reverts(
            "ERC1155MissingApprovalForAll", bourse.address("stranger"), bourse.address("buyer")
        ):
            move(bourse, series, 1000, bourse.address("other"), sender="stranger")

    @pytest.mark.parametrize("units", [1, 500, 1500])
    def test_transfer__not_whole_steps__refused(self, bourse: Bourse, units: int) -> None:
        series = bourse.lease(milli=2000)
        before = bourse.state((series, "buyer"))
        with reverts("NotWholeSteps", units * 3600, 1000 * 3600):
            move(bourse, series, units, bourse.address("other"))
        assert bourse.state((series, "buyer")) == before

    def test_transfer__frozen__refused(self, bourse: Bourse) -> None:
        start = bourse.next_hour(2)
        series = bourse.lease(start=start, milli=2000)
        chain.mine(timestamp=start - FREEZE - 5)
        move(bourse, series, 1000, bourse.address("other"))
        chain.mine(timestamp=start - FREEZE + 1)
        with brownie.reverts(revert_pattern="TransfersFrozen: .*"):
            move(bourse, series, 1000, bourse.address("other"))
        assert bourse.market.balanceOf(bourse.address("buyer"), series) == 1000

    def test_transfer__interrupted__refused_both_ways(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        series = bourse.lease(start=start, milli=2000, duration=2 * HOUR)
        bourse.lease("other", start=start, duration=2 * HOUR)
        buyer, other = bourse.address("buyer"), bourse.address("other")
        module = acting(bourse.arbitration)
        bourse.market.shorten(series, other, start + HOUR, module)
        assert position(bourse, series, "other")[4] == CUT
        with reverts("PositionNotOpen", series, other):
            move(bourse, series, 2000, other)
        with reverts("PositionNotOpen", series, other):
            bourse.market.safeTransferFrom(other, buyer, series, 2000, b"", bourse.sends("other"))
        assert position(bourse, series) == (4000, 2000, 0, start + 2 * HOUR, 0, 0)

    def test_transfer__unequal_arrays__refused(self, bourse: Bourse) -> None:
        series, buyer = bourse.lease(), bourse.address("buyer")
        with reverts("ERC1155InvalidArrayLength", 1, 2):
            bourse.market.safeBatchTransferFrom(
                buyer, bourse.address("other"), [series], [1000, 0], b"", bourse.sends("buyer")
            )

    def test_transfer__batch_with_one_frozen__nothing_moves(self, bourse: Bourse) -> None:
        start = bourse.next_hour()
        first = bourse.lease(start=start)
        second = bourse.lease(start=start + HOUR)
        buyer, other = bourse.address("buyer"), bourse.address("other")
        chain.mine(timestamp=start - FREEZE)
        with brownie.reverts(revert_pattern="TransfersFrozen: .*"):
            bourse.market.safeBatchTransferFrom(
                buyer, other, [second, first], [1000, 1000], b"", bourse.sends("buyer")
            )
        assert position(bourse, second) == (1000, 1000, 0, start + 2 * HOUR, 0, 0)
        held = ((first, "buyer"), (second, "buyer"))
        assert accounted(bourse, *held) == bourse.market.totalHeld()

    def test_transfer__same_units_twice_in_a_batch__refused(self, bourse: Bourse) -> None:
        series, buyer = bourse.lease(), bourse.address("buyer")
        with reverts("ERC1155InsufficientBalance", buyer, 0, 1000, series):
            bourse.market.safeBatchTransferFrom(
                buyer,
                bourse.address("other"),
                [series, series],
                [1000, 1000],
                b"",
                bourse.sends("buyer"),
            )

    def test_transfer__receiver_refuses__nothing_moves(self, bourse: Bourse) -> None:
        receiver = accounts[1].deploy(HostileReceiver)
        receiver.refuse(True, {"from": accounts[1]})
        series = bourse.lease()
        with reverts("ERC1155InvalidReceiver", receiver.address):
            move(bourse, series, 1000, receiver.address)
        assert bourse.market.balanceOf(bourse.address("buyer"), series) == 1000

    def test_transfer__receiver_reenters__finds_effects_done(self, bourse: Bourse) -> None:
        receiver = accounts[1].deploy(HostileReceiver)
        series = bourse.lease(milli=2000)
        other = bourse.address("other")
        back = bourse.market.safeTransferFrom.encode_input(
            receiver.address, other, series, 2000, b""
        )
        receiver.arm(bourse.market, back, {"from": accounts[1]})
        move(bourse, series, 1000, receiver.address)
        assert not receiver.attackSucceeded()
        onward = bourse.market.safeTransferFrom.encode_input(
            receiver.address, other, series, 2000, b""
        )
        receiver.arm(bourse.market, onward, {"from": accounts[1]})
        move(bourse, series, 1000, receiver.address)
        assert receiver.attackSucceeded()
        assert bourse.market.balanceOf(other, series) == 2000
        assert bourse.market.balanceOf(receiver.address, series) == 0


class TestStandard:
    def test_interfaces__erc1155_and_metadata__supported(self, bourse: Bourse) -> None:
        support = [
            bourse.market.supportsInterface(i) for i in ("0x01ffc9a7", "0xd9b67a26", "0x0e89341c")
        ]
        assert support == [True, True, True]
        assert not bourse.market.supportsInterface("0xffffffff")
