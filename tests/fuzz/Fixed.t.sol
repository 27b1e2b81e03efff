// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IArbitration} from "../../contracts/interfaces/IArbitration.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IParameters} from "../../contracts/interfaces/IParameters.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {ISeriesMetadata} from "../../contracts/interfaces/ISeriesMetadata.sol";
import {MetadataHarness} from "../../contracts/mocks/MetadataHarness.sol";
import {Attestation} from "../../contracts/types/Attestation.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Timing} from "../../contracts/types/Timing.sol";
import {Id, Typed} from "./Typed.sol";
import {Probes} from "./Probes.sol";
import {World} from "./World.sol";
import {vm} from "./Vm.sol";

/// @title What random calls hardly reach: constructors, hooks called by strangers, limits, metadata
contract Fixed is World {
    /// Longer than a line of the picture.
    bytes32 private constant LONG = keccak256("nvidia/h100/80gb/sxm/mig-1g.10gb");

    Timing private _plain = Timing(60, 10 minutes, 2 hours, 1 hours, 2 hours, 2 hours);
    ISeriesMetadata private _metadata;

    modifier probed() {
        _;
        Probes.save();
    }

    function setUp() external {
        vm.warp(1_900_000_000);
        _deploy(_plain);
        _metadata = ISeriesMetadata(_create("SeriesMetadata.sol:SeriesMetadata", abi.encode(registry)));
    }

    function _refused(address from, address to, bytes memory data, bytes4 selector) private {
        vm.prank(from);
        (bool done, bytes memory result) = to.call(data);
        require(!done && bytes4(result) == selector, "not refused, or not for this reason");
    }

    function _fails(string memory artefact, bytes memory arguments) private {
        bytes memory code = bytes.concat(vm.getCode(artefact), arguments);
        address at;
        assembly ("memory-safe") {
            at := create(0, add(code, 32), mload(code))
        }
        require(at == address(0), artefact);
    }

    // ------------------------------------------------------------------ constructors

    function test_timing__outOfRange__isRefused() external probed {
        uint32[6][8] memory bad = [
            [uint32(601), 600, 7_200, 3_600, 3_600, 7_200],
            [uint32(60), 86_401, 7_200, 3_600, 3_600, 7_200],
            [uint32(60), 600, 7_200, 500_000, 3_600, 100_000],
            [uint32(60), 600, 7_200, 3_600, 500_000, 100_000],
            [uint32(60), 600, 500_000, 3_600, 3_600, 100_000],
            [uint32(60), 600, 0, 3_600, 3_600, 7_200],
            [uint32(60), 600, 7_200, 0, 3_600, 7_200],
            [uint32(60), 600, 7_200, 3_600, 0, 7_200]
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            Timing memory timing_ = Timing(bad[i][0], bad[i][1], bad[i][2], bad[i][3], bad[i][4], bad[i][5]);
            _fails(
                "ProviderRegistry.sol:ProviderRegistry", abi.encode(address(1), address(2), parameters, timing_, true)
            );
        }
    }

    function test_wiring__ofStrangers__isRefused() external probed {
        _fails("ProviderRegistry.sol:ProviderRegistry", abi.encode(address(0), address(2), parameters, _plain, true));
        _fails("ProviderRegistry.sol:ProviderRegistry", abi.encode(address(1), address(0), parameters, _plain, true));
        _fails("SeriesMetadata.sol:SeriesMetadata", abi.encode(address(0)));
        _fails("Arbitration.sol:Arbitration", abi.encode(address(0), registry, parameters, _plain));
        _fails("Arbitration.sol:Arbitration", abi.encode(market, registry, address(0), _plain));
        _fails("Arbitration.sol:Arbitration", abi.encode(address(1), registry, parameters, _plain));
        _fails("Arbitration.sol:Arbitration", abi.encode(market, registry, parameters, _plain));
        _failsMarket(registry, resale, arbitration, _plain);
        _failsMarket(_registryFor(1, arbitration, _plain), resale, address(1), _plain);
        Timing memory other = Timing(60, 10 minutes, 3 hours, 1 hours, 1 hours, 2 hours);
        _failsMarket(_registryFor(1, arbitration, other), resale, arbitration, _plain);
        _failsMarket(_registryFor(1, arbitration, _plain), address(0), arbitration, _plain);
        _failsMarket(_registryFor(1, arbitration, _plain), resale, arbitration, _plain);
        _failsCourt(other);
    }

    function _failsMarket(IProviderRegistry registry_, address resale_, address court, Timing memory timing_) private {
        _fails("GpuMarket.sol:GpuMarket", abi.encode(token, registry_, parameters, resale_, court, _metadata, timing_));
    }

    /// @dev Made for the contract that this one creates so many creations later.
    function _registryFor(uint256 later, address court, Timing memory timing_) private returns (IProviderRegistry) {
        address ahead = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + later);
        return IProviderRegistry(
            _create("ProviderRegistry.sol:ProviderRegistry", abi.encode(ahead, court, parameters, timing_, true))
        );
    }

    function _failsCourt(Timing memory other) private {
        address ahead = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        address made = _create(
            "ProviderRegistry.sol:ProviderRegistry", abi.encode(address(market), ahead, parameters, other, true)
        );
        _fails("Arbitration.sol:Arbitration", abi.encode(market, made, parameters, _plain));
    }

    function test_parameters__outOfRange__areRefused() external probed {
        IParameters.Initial memory initial;
        (initial.treasury, initial.auditors, initial.auditorThreshold) = (treasuries[0], auditors, 2);
        _create("Parameters.sol:Parameters", abi.encode(governor, pauser, initial));
        _fails("Parameters.sol:Parameters", abi.encode(governor, address(0), initial));
        initial.auditors = new address[](256);
        for (uint256 i = 0; i < 256; ++i) initial.auditors[i] = address(uint160(i + 1));
        _fails("Parameters.sol:Parameters", abi.encode(governor, pauser, initial));
    }

    // ------------------------------------------------------------------ hooks

    function test_hooks__ofAStranger__areRefused() external probed {
        (address m, address r) = (address(market), address(registry));
        bytes4 module = IGpuMarket.OnlyModule.selector;
        _refused(stranger, m, abi.encodeCall(IGpuMarket.pay, (stranger, stranger, 1)), module);
        _refused(stranger, m, abi.encodeCall(IGpuMarket.creditFromBond, (stranger, 1)), module);
        _refused(stranger, m, abi.encodeCall(IGpuMarket.openCase, (1, stranger, true)), module);
        _refused(stranger, m, abi.encodeCall(IGpuMarket.settleCase, (1, stranger, 1, 1, 1)), module);
        _refused(stranger, m, abi.encodeCall(IGpuMarket.shorten, (1, stranger, 1)), module);
        bytes4 only = IProviderRegistry.OnlyMarket.selector;
        _refused(stranger, r, abi.encodeCall(IProviderRegistry.reserve, (1, 1, 1, 1)), only);
        _refused(stranger, r, abi.encodeCall(IProviderRegistry.release, (1, 1, 1, 1)), only);
        _refused(stranger, r, abi.encodeCall(IProviderRegistry.addBond, (stranger, 1)), only);
        _refused(stranger, r, abi.encodeCall(IProviderRegistry.takeUnbonded, (stranger)), only);
        _refused(stranger, r, abi.encodeCall(IProviderRegistry.takeBond, (stranger, 1, 1)), only);
        bytes memory slash = abi.encodeCall(IProviderRegistry.slash, (stranger, 1, stranger, 1, bytes32("e")));
        _refused(stranger, r, slash, IProviderRegistry.OnlyArbitration.selector);
    }

    function test_hooks__ofTheModules__checkWhatTheyGet() external probed {
        bytes memory slash = abi.encodeCall(IProviderRegistry.slash, (stranger, 1, stranger, 1, bytes32(0)));
        _refused(arbitration, address(registry), slash, IProviderRegistry.NoEvidence.selector);
        bytes memory shorten = abi.encodeCall(IGpuMarket.shorten, (1, stranger, 1));
        _refused(arbitration, address(market), shorten, IGpuMarket.WindowCut.selector);
        require(!registry.wasAgent(providers[0], address(0), 0) && !registry.isAgent(providers[0], address(0)));
        require(!market.isDelegate(stranger, address(0)));
        _refused(
            stranger,
            address(registry),
            abi.encodeCall(IProviderRegistry.termsOf, (7)),
            IProviderRegistry.UnknownTerms.selector
        );
    }

    /// @dev What a bond holds bounds what is taken out of it, from both of its parts.
    function test_bonds__takenTo__theirEnd() external probed {
        address who = providers[0];
        _payInAndBond(who, 10 * USD);
        vm.prank(who);
        registry.requestUnbonding(uint64(4 * USD));
        vm.prank(address(market));
        require(registry.takeBond(who, 1_000, USD) == USD, "credit");
        vm.prank(arbitration);
        require(registry.slash(who, 7 * USD, stranger, 2 * USD, "e") == 7 * USD, "slash");
        IProviderRegistry.Bond memory bond = registry.bondOf(who);
        require(bond.bonded == 0 && bond.unbonding == 2 * USD, "what counts goes first");
        vm.prank(address(market));
        require(registry.takeBond(who, 1_000, 5 * USD) == 2 * USD, "no more than there is");
        require(_balance(stranger) == 2 * USD && _balance(registry.BURNED()) == 5 * USD, "the rest is burned");
    }

    // ------------------------------------------------------------------ money and units

    function test_deposits__beyond64Bits__areRefused() external probed {
        _payIn(stranger, 2 ** 63);
        _mintAndAllow(stranger, 2 ** 63);
        bytes memory data = abi.encodeCall(IGpuMarket.deposit, (2 ** 63));
        _refused(stranger, address(market), data, IGpuMarket.HeldLimit.selector);
    }

    function test_transfers__ofSeveral__moveAllOrNone() external probed {
        (uint256[] memory ids, uint256[] memory amounts) = (new uint256[](2), new uint256[](1));
        bytes memory data = abi.encodeCall(IERC1155.safeBatchTransferFrom, (stranger, operator, ids, amounts, ""));
        (bool done,) = _as(stranger, data);
        require(!done, "lengths differ");
        amounts = new uint256[](2);
        data = abi.encodeCall(IERC1155.safeBatchTransferFrom, (stranger, operator, ids, amounts, ""));
        (done,) = _as(stranger, data);
        require(done, "nothing of nothing moves");
    }

    function test_merges__beyondAWeek__areRefused() external probed {
        uint256 first = Id.pack(1_900_800_000, 100 hours, 1, 1_000, 1);
        uint256 second = Id.pack(1_900_800_000 + 100 hours, 69 hours, 1, 1_000, 1);
        bytes memory data = abi.encodeCall(IGpuMarket.merge, (first, second, 1_000));
        _refused(stranger, address(market), data, IGpuMarket.DurationOutsideLimits.selector);
    }

    function _as(address who, bytes memory data) private returns (bool, bytes memory) {
        vm.prank(who);
        return address(market).call(data);
    }

    // ------------------------------------------------------------------ devices

    function _vouched(Attestation memory attestation, bytes4 selector) private {
        (Attestation[] memory list, bytes[][] memory signatures) = (new Attestation[](1), new bytes[][](1));
        (list[0], signatures[0]) = (attestation, new bytes[](2));
        for (uint256 i = 0; i < 2; ++i) {
            signatures[0][i] = _sign(auditors[i], registryDomain, Typed.hash(attestation));
        }
        bytes memory data = abi.encodeCall(IProviderRegistry.attest, (list, signatures));
        if (selector != 0) return _refused(governor, address(registry), data, selector);
        vm.prank(governor);
        (bool done,) = address(registry).call(data);
        require(done, "attested");
    }

    function _device(uint256 number) private view returns (Attestation memory) {
        return Attestation({
            provider: providers[0],
            device: bytes32(number),
            parent: 0,
            deviceClass: H100,
            laneMilli: 1_000,
            expiry: uint40(block.timestamp + 30 days + number),
            evidence: "evidence",
            simulated: false
        });
    }

    function _ready() private {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(providers[i]);
            registry.register(stranger);
        }
        for (uint256 i = 0; i < 3; ++i) _payInAndBond(auditors[i], 20 * USD);
        _payIn(governor, 1_000 * USD);
    }

    function test_attestations__thatContradict__areRefused() external probed {
        _ready();
        _vouched(_device(0), IProviderRegistry.BadDevice.selector);
        _vouched(_device(1), 0);
        Attestation memory other = _device(1);
        (other.provider, other.expiry) = (providers[1], other.expiry + 1);
        _vouched(other, IProviderRegistry.DeviceTaken.selector);
        (other.provider, other.deviceClass) = (providers[0], SHARED);
        _vouched(other, IProviderRegistry.DeviceTaken.selector);
        Attestation memory slice = _device(2);
        (slice.parent, slice.deviceClass) = (bytes32(uint256(9)), SHARED);
        _vouched(slice, 0);
        _vouched(_device(9), IProviderRegistry.SlicesEnrolled.selector);
        Attestation[] memory list = new Attestation[](1);
        bytes memory data = abi.encodeCall(IProviderRegistry.attest, (list, new bytes[][](0)));
        _refused(governor, address(registry), data, IProviderRegistry.LengthMismatch.selector);
    }

    /// @dev A slice is gone; one attested before the whole card was does not come back.
    function test_attestations__olderThanTheWhole__areRefused() external probed {
        _ready();
        Attestation memory whole = _device(5);
        _vouched(whole, 0);
        vm.prank(providers[0]);
        registry.removeDevice(whole.device);
        Attestation memory slice = _device(3);
        (slice.parent, slice.deviceClass) = (whole.device, SHARED);
        _vouched(slice, IProviderRegistry.StaleAttestation.selector);
    }

    function test_capacity__atItsLimits__isRefused() external probed {
        _ready();
        Attestation memory fine = _device(1);
        (fine.laneMilli, fine.deviceClass) = (2, SHARED);
        _vouched(fine, 0);
        fine.device = bytes32(uint256(2));
        _vouched(fine, IProviderRegistry.TooManyLanes.selector);
        for (uint256 i = 0; i < 63; ++i) {
            Attestation memory one = _device(10 + i);
            one.deviceClass = bytes32(100 + i);
            _vouched(one, 0);
        }
        Attestation memory last = _device(90);
        _vouched(last, IProviderRegistry.TooManyClasses.selector);
        vm.prank(governor);
        parameters.setDefaultMinBond(type(uint64).max);
        Attestation memory dear = _device(91);
        dear.deviceClass = bytes32(uint256(100));
        _vouched(dear, IProviderRegistry.BondOverflow.selector);
    }

    /// @dev Lanes larger than the step of the terms: nothing of them can be counted.
    function test_reservations__thatDoNotFit__areRefused() external probed {
        _ready();
        Attestation memory wide = _device(1);
        (wide.laneMilli, wide.deviceClass) = (200, SHARED);
        _vouched(wide, 0);
        _payInAndBond(providers[0], 100 * USD);
        (uint64 narrow, uint64 fits) = (_termsWith(100), _termsWith(200));
        uint40 start = uint40(block.timestamp / 1 hours * 1 hours + 1 hours);
        vm.prank(address(market));
        bytes4 reason = registry.reserve(narrow, 200, start, start + 3_600);
        require(reason == IProviderRegistry.StepMismatch.selector, "step");
        vm.prank(address(market));
        require(registry.reserve(fits, 1_200, start, start + 3_600) == IProviderRegistry.OverCapacity.selector, "all");
        vm.prank(address(market));
        require(registry.reserve(fits, 1_000, start, start + 3_600) == 0, "exactly all");
        vm.prank(address(market));
        require(registry.reserve(fits, 200, start, start + 3_600) == IProviderRegistry.OverCapacity.selector, "more");
        require(!registry.isLapsed(fits), "in force");
    }

    function _termsWith(uint16 step) private returns (uint64) {
        Terms memory terms;
        (terms.deviceClass, terms.isolation, terms.step) = (SHARED, 2, step);
        (terms.receiptInterval, terms.unsignedIntervals) = (60, 5);
        vm.prank(providers[0]);
        return registry.registerTerms(terms);
    }

    // ------------------------------------------------------------------ metadata

    function test_names__ofClasses__areChecked() external probed {
        address m = address(_metadata);
        bytes4 length = ISeriesMetadata.BadNameLength.selector;
        bytes4 character = ISeriesMetadata.BadNameCharacter.selector;
        _refused(stranger, m, abi.encodeCall(ISeriesMetadata.nameClass, ("")), length);
        _refused(stranger, m, abi.encodeCall(ISeriesMetadata.nameClass, (string(new bytes(97)))), length);
        string[7] memory bad = ["A", "a b", "`", "{", "a:", "_", "a,"];
        for (uint256 i = 0; i < bad.length; ++i) {
            _refused(stranger, m, abi.encodeCall(ISeriesMetadata.nameClass, (bad[i])), character);
        }
        string memory name = "nvidia/h100-0.9/80gb/sxm-azyz19";
        bytes32 hash = _metadata.nameClass(name);
        require(hash == keccak256(bytes(name)) && hash == _metadata.nameClass(name), "named once");
        require(keccak256(bytes(_metadata.nameOf(hash))) == hash, "name");
    }

    function test_uri__ofEveryKind__isTold() external probed {
        _ready();
        for (uint8 isolation = 1; isolation <= 5; ++isolation) {
            Terms memory terms;
            (terms.deviceClass, terms.isolation, terms.step) = (H100, isolation, 1_000);
            (terms.receiptInterval, terms.unsignedIntervals) = (60, 5);
            if (isolation == 2) (terms.interruptible, terms.notice) = (true, 600);
            if (isolation == 3) (terms.interruptible, terms.notice, terms.deviceClass) = (true, 3_661, LONG);
            vm.prank(providers[0]);
            registry.registerTerms(terms);
        }
        _tell(1, 1_900_800_000, 3_600, 2_500);
        _tell(2, 1_900_800_061, 61, 2_005);
        _metadata.nameClass("nvidia/h100/80gb/sxm");
        _metadata.nameClass("nvidia/h100/80gb/sxm/mig-1g.10gb");
        _tell(3, 1_893_456_000 + 40 days, 5_400, 2_050);
        _tell(4, 1_893_456_000 + 200 days, 36, 1);
        _tell(5, 1_893_456_000 + 300 days, 7_325, 999_999);
        require(bytes(_metadata.uri(0)).length != 0, "no terms");
        require(bytes(_metadata.uri(Id.pack(1, 1, 1, 1, 6))).length != 0, "terms to come");
        require(bytes(_metadata.uri(Id.pack(1, 1, 1, 1, 1) + 2 ** 184)).length != 0, "no id");
    }

    /// @dev A later registry may know more of them.
    function test_uri__ofAnUnknownFence__tellsItsNumber() external probed {
        MetadataHarness terms = new MetadataHarness();
        Terms memory later;
        (later.deviceClass, later.isolation, later.step) = (H100, 6, 1_000);
        terms.setTerms(1, providers[0], later);
        _metadata = ISeriesMetadata(_create("SeriesMetadata.sol:SeriesMetadata", abi.encode(terms)));
        _tell(1, 1_900_800_000, 3_600, 2_500);
    }

    function _tell(uint256 terms, uint256 start, uint256 duration, uint256 ticks) private view {
        string memory told = _metadata.uri(Id.pack(start, duration, ticks, 1_000, terms));
        require(bytes(told).length > 500, "told");
    }
}
