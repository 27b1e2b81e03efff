// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IArbitration} from "../../contracts/interfaces/IArbitration.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Ask} from "../../contracts/types/Ask.sol";
import {Attestation} from "../../contracts/types/Attestation.sol";
import {Bid} from "../../contracts/types/Bid.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Timing} from "../../contracts/types/Timing.sol";
import {Id, Typed} from "./Typed.sol";
import {World} from "./World.sol";
import {vm} from "./Vm.sol";

/// @title One lease to the second: what random times hardly meet
contract FixedLeases is World {
    uint256 private constant BIRTH = 1_900_000_800;
    uint64 private constant PRICE = 2_000_000;

    uint256 private _start;
    uint256 private _series;
    address private _buyer;

    function setUp() external {
        vm.warp(BIRTH);
        _deploy(Timing(60, 10 minutes, 2 hours, 1 hours, 2 hours, 2 hours));
        _start = BIRTH / 1 hours * 1 hours + 6 hours;
        _buyer = buyers[0];
        _payIn(_buyer, 1_000 * USD);
        _payIn(governor, 1_000 * USD);
        for (uint256 i = 0; i < 2; ++i) _payInAndBond(auditors[i], 20 * USD);
        vm.prank(providers[0]);
        registry.register(stranger);
        _payInAndBond(providers[0], 100 * USD);
        _attest("device");
        Terms memory terms;
        (terms.deviceClass, terms.isolation, terms.step) = (H100, 4, 1_000);
        (terms.receiptInterval, terms.unsignedIntervals) = (60, 5);
        vm.prank(providers[0]);
        registry.registerTerms(terms);
        IGpuMarket.AskGroup[] memory groups = _pair(_buyer);
        require(_fill(groups, _signed(_buyer, Typed.hash(groups[0].fills[0].bid))) == 0, "filled");
        _series = Id.pack(_start, 3 hours, PRICE / 1_000, 1_000, 1);
        require(market.positionOf(_series, _buyer).units == 3_000, "position");
    }

    function _attest(bytes32 device) private {
        (Attestation[] memory list, bytes[][] memory signatures) = (new Attestation[](1), new bytes[][](1));
        list[0].provider = providers[0];
        (list[0].device, list[0].deviceClass, list[0].laneMilli) = (device, H100, 1_000);
        (list[0].expiry, list[0].evidence) = (uint40(block.timestamp + 30 days), "evidence");
        signatures[0] = new bytes[](2);
        for (uint256 i = 0; i < 2; ++i) {
            signatures[0][i] = _sign(auditors[i], registryDomain, Typed.hash(list[0]));
        }
        vm.prank(governor);
        registry.attest(list, signatures);
    }

    function _pair(address buyer) private view returns (IGpuMarket.AskGroup[] memory groups) {
        groups = new IGpuMarket.AskGroup[](1);
        Ask memory ask = groups[0].ask;
        (ask.seller, ask.terms, ask.pricePerGpuHour) = (providers[0], 1, PRICE);
        (ask.windowStart, ask.windowEnd) = (uint40(_start), uint40(_start + 3 hours));
        (ask.validFrom, ask.deadline) = (uint40(block.timestamp), uint40(block.timestamp + 5 minutes));
        groups[0].fills = new IGpuMarket.BidFill[](1);
        IGpuMarket.BidFill memory fill = groups[0].fills[0];
        (fill.milli, fill.start, fill.duration, fill.pricePerGpuHour) = (1_000, uint40(_start), 3 hours, PRICE);
        Bid memory bid = fill.bid;
        (bid.buyer, bid.deviceClasses, bid.milli, bid.minMilli) = (buyer, H100, 1_000, 1_000);
        (bid.minDuration, bid.maxDuration, bid.maxPricePerGpuHour) = (3 hours, 3 hours, PRICE);
        (bid.windowStart, bid.windowEnd) = (ask.windowStart, ask.windowEnd);
        (bid.validFrom, bid.deadline) = (ask.validFrom, ask.deadline);
    }

    /// @return Why the one bid was skipped; zero where it was filled.
    function _fill(IGpuMarket.AskGroup[] memory groups, bytes memory signature) private returns (bytes4) {
        groups[0].signature = _signed(providers[0], Typed.hash(groups[0].ask));
        groups[0].fills[0].signature = signature;
        vm.prank(stranger);
        return market.fill(groups)[0][0];
    }

    function _signed(address who, bytes32 structHash) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[who], Typed.digest(marketDomain, structHash));
        return abi.encodePacked(r, s, v);
    }

    function _refuses(address from, address to, bytes memory data, bytes memory refusal) private {
        vm.prank(from);
        (bool done, bytes memory result) = to.call(data);
        require(!done && keccak256(result) == keccak256(refusal), "not refused, or not with these words");
    }

    function _refuses(bytes memory data, bytes memory refusal) private {
        _refuses(_buyer, address(market), data, refusal);
    }

    function _frozen() private view returns (bytes memory) {
        return abi.encodeWithSelector(IGpuMarket.TransfersFrozen.selector, _start - 10 minutes, block.timestamp);
    }

    // ------------------------------------------------------------------ the freeze

    function test_transfers__fromTheFreezeOn__areRefused() external {
        bytes memory data =
            abi.encodeCall(IERC1155.safeTransferFrom, (_buyer, stranger, _series, 3_000, ""));
        vm.warp(_start - 10 minutes);
        _refuses(data, _frozen());
        vm.warp(_start - 10 minutes - 1);
        vm.prank(_buyer);
        (bool done,) = address(market).call(data);
        require(done && market.positionOf(_series, stranger).units == 3_000, "a second before");
    }

    function test_merges__fromTheFreezeOn__areRefused() external {
        vm.prank(_buyer);
        (uint256 head, uint256 tail) = market.split(_series, uint40(_start + 1 hours), 1_000);
        bytes memory data = abi.encodeCall(IGpuMarket.merge, (head, tail, 1_000));
        vm.warp(_start - 10 minutes);
        _refuses(data, _frozen());
        vm.warp(_start - 10 minutes - 1);
        vm.prank(_buyer);
        require(market.merge(head, tail, 1_000) == _series, "merged");
    }

    function test_splits__outsideOrTooSoon__areRefused() external {
        uint256[4] memory outside = [_start - 1 hours, _start, _start + 3 hours, _start + 1_800];
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory data = abi.encodeCall(IGpuMarket.split, (_series, uint40(outside[i]), 1_000));
            bytes4 selector = IGpuMarket.CutOutside.selector;
            _refuses(data, abi.encodeWithSelector(selector, outside[i], _start, _start + 3 hours));
        }
        uint256 at = _start + 1 hours;
        vm.warp(at - 10 minutes + 1);
        bytes memory late = abi.encodeCall(IGpuMarket.split, (_series, uint40(at), 1_000));
        _refuses(late, abi.encodeWithSelector(IGpuMarket.CutTooSoon.selector, at, at + 1));
        vm.warp(at - 10 minutes);
        vm.prank(_buyer);
        (uint256 head,) = market.split(_series, uint40(at), 1_000);
        require(head == _series && market.positionOf(_series, _buyer).units == 1_000, "cut while it runs");
    }

    /// @dev From the freeze on the head keeps its id, a second before it gets one of its own.
    function test_splits__atTheFreeze__keepTheHead() external {
        vm.warp(_start - 10 minutes - 1);
        uint256 before = _splitHead();
        require(before == Id.pack(_start, 1 hours, PRICE / 1_000, 1_000, 1), "a new head");
    }

    function test_splits__fromTheFreezeOn__keepTheHead() external {
        vm.warp(_start - 10 minutes);
        require(_splitHead() == _series, "the same head");
    }

    function _splitHead() private returns (uint256 head) {
        vm.prank(_buyer);
        (head,) = market.split(_series, uint40(_start + 1 hours), 1_000);
    }

    function test_peaks__ofWindows__countTheHoursThatTheyTouch() external view {
        require(_peak(1_800, 1_800) == 0 && _peak(1_801, 1_800) == 0, "no time touches nothing");
        require(_peak(1_800, 1_801) == 1 && _peak(0, 1) == 1, "a second touches its hour");
        require(_peak(10_799, 20_000) == 1 && _peak(10_800, 20_000) == 0, "the end does not count");
    }

    function _peak(uint256 from, uint256 to) private view returns (uint256) {
        return registry.peakLanes(providers[0], H100, uint40(_start + from), uint40(_start + to));
    }

    // ------------------------------------------------------------------ what is not there

    function test_cases__thatAreNone__areNotResolved() external {
        bytes memory refusal =
            abi.encodeWithSelector(IArbitration.NoCase.selector, _series, _buyer, uint32(0), uint32(0));
        _refuses(stranger, arbitration, abi.encodeCall(IArbitration.resolve, (_series, _buyer)), refusal);
    }

    function test_devices__thatAreRemoved__areForgotten() external {
        _attest("second");
        vm.prank(providers[0]);
        registry.removeDevice("second");
        IProviderRegistry.Device memory device = registry.deviceOf("second");
        require(device.provider == address(0) && device.deviceClass == 0 && device.parent == 0, "forgotten");
        require(device.expiry == block.timestamp + 30 days, "but for what an older attestation must not be");
        require(registry.devicesOf(providers[0], H100).length == 1, "one left");
    }
}
