// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IGpuMarket} from "../../contracts/interfaces/IGpuMarket.sol";
import {IParameters} from "../../contracts/interfaces/IParameters.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {Terms} from "../../contracts/types/Terms.sol";
import {Timing} from "../../contracts/types/Timing.sol";
import {CompactSignature} from "../../contracts/types/Voucher.sol";
import {Id, Typed} from "./Typed.sol";
import {vm} from "./Vm.sol";

interface ITestUSD is IERC20, IERC20Permit {
    function mint(address to, uint256 amount) external;
}

/// @notice One position that the campaign knows to exist.
struct Held {
    uint256 series;
    address holder;
}

/// @title The deployment, the people with their keys, and what the campaign remembers of both
abstract contract World {
    uint256 internal constant USD = 1e6;
    uint256 internal constant PROVIDERS = 3;
    uint256 internal constant BUYERS = 5;
    bytes32 internal constant H100 = keccak256("nvidia/h100/80gb/sxm");
    bytes32 internal constant SHARED = keccak256("nvidia/a100/40gb/pcie");

    IGpuMarket internal market;
    IProviderRegistry internal registry;
    IParameters internal parameters;
    ITestUSD internal token;
    address internal resale;
    address internal arbitration;
    Timing internal timing;
    bytes32 internal marketDomain;
    bytes32 internal registryDomain;

    address internal governor;
    address internal pauser;
    address internal operator;
    address internal stranger;
    address[] internal treasuries;
    address[] internal providers;
    address[] internal buyers;
    address[] internal auditors;
    address[] internal arbiters;
    /// Everybody whose account may hold money.
    address[] internal people;
    mapping(address account => uint256 key) internal keys;

    Held[] internal positions;
    /// Place in `positions`, from 1.
    mapping(uint256 series => mapping(address holder => uint256 place)) internal placeOf;
    uint64[] internal sold;
    mapping(uint64 terms => Terms) internal termsOf;
    mapping(uint64 terms => address provider) internal providerOf;
    mapping(uint64 terms => uint256 feeBps) internal feeOf;

    uint256 private _random;

    // ------------------------------------------------------------------ chance

    function _plant(uint256 seed) internal {
        _random = seed;
    }

    /// @notice Below `limit`.
    function _below(uint256 limit) internal returns (uint256) {
        _random = uint256(keccak256(abi.encode(_random)));
        return _random % limit;
    }

    function _between(uint256 low, uint256 high) internal returns (uint256) {
        return low + _below(high - low + 1);
    }

    function _chance(uint256 percent) internal returns (bool) {
        return _below(100) < percent;
    }

    function _one(address[] storage list) internal returns (address) {
        return list[_below(list.length)];
    }

    // ------------------------------------------------------------------ people

    function _person(string memory name) internal returns (address account) {
        uint256 key = uint256(keccak256(bytes(name)));
        account = vm.addr(key);
        keys[account] = key;
        people.push(account);
    }

    function _sign(address who, bytes32 domain, bytes32 structHash) internal returns (bytes memory) {
        if (_chance(50)) return abi.encode(_signShort(who, domain, structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keyOf(who), Typed.digest(domain, structHash));
        return abi.encodePacked(r, s, v);
    }

    /// @dev The 64 bytes of EIP-2098.
    function _signShort(address who, bytes32 domain, bytes32 structHash)
        internal
        view
        returns (CompactSignature memory)
    {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keyOf(who), Typed.digest(domain, structHash));
        return CompactSignature(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    /// @dev For an account that is nobody's the stranger signs.
    function _keyOf(address who) private view returns (uint256) {
        return keys[who] == 0 ? keys[stranger] : keys[who];
    }

    function _balance(address account) internal view returns (uint256) {
        return market.accountOf(account).balance;
    }

    function _mintAndAllow(address account, uint256 amount) internal {
        token.mint(account, amount);
        vm.prank(account);
        token.approve(address(market), amount);
    }

    function _payIn(address account, uint256 amount) internal {
        _mintAndAllow(account, amount);
        vm.prank(account);
        market.deposit(amount);
    }

    function _payInAndBond(address who, uint256 amount) internal {
        _payIn(who, amount);
        vm.prank(who);
        market.bond(uint64(amount));
    }

    // ------------------------------------------------------------------ positions

    function _track(uint256 series, address holder) internal {
        bool exists = market.positionOf(series, holder).units != 0;
        uint256 place = placeOf[series][holder];
        if (exists && place == 0) {
            positions.push(Held(series, holder));
            placeOf[series][holder] = positions.length;
        } else if (!exists && place != 0) {
            Held memory last = positions[positions.length - 1];
            positions[place - 1] = last;
            placeOf[last.series][last.holder] = place;
            delete placeOf[series][holder];
            positions.pop();
        }
    }

    function _position(Held memory held) internal view returns (IGpuMarket.PositionState memory) {
        return market.positionOf(held.series, held.holder);
    }

    /// @notice Milli that all open leases of one provider and class need in each hour of [from, to).
    function _needs(address provider, bytes32 deviceClass, uint256 from, uint256 to)
        internal
        view
        returns (uint256[] memory needs)
    {
        needs = new uint256[](to - from);
        for (uint256 i = 0; i < positions.length; ++i) {
            uint64 number = Id.terms(positions[i].series);
            if (providerOf[number] != provider || termsOf[number].deviceClass != deviceClass) continue;
            IGpuMarket.PositionState memory position = _position(positions[i]);
            uint256 start = Id.start(positions[i].series) / 1 hours;
            for (uint256 hour = start > from ? start : from; hour < to && hour * 1 hours < position.end; ++hour) {
                needs[hour - from] += position.milli;
            }
        }
    }

    /// @dev The hour in which a time lies, or the first that does not begin before it.
    function _hourAfter(uint256 time) internal pure returns (uint256) {
        return (time + 1 hours - 1) / 1 hours;
    }

    // ------------------------------------------------------------------ deployment

    function _deploy(Timing memory chosen) internal {
        timing = chosen;
        _people();
        _etch("Accounts.sol:Accounts", 0xa0001);
        _etch("Payout.sol:Payout", 0xa0002);
        _etch("Recut.sol:Recut", 0xa0003);
        _etch("RoleProofs.sol:RoleProofs", 0xa0004);
        _etch("Wallets.sol:Wallets", 0xa0005);
        token = ITestUSD(_create("TestUSD.sol:TestUSD", ""));
        parameters = IParameters(_create("Parameters.sol:Parameters", abi.encode(governor, pauser, _initial())));
        uint256 nonce = vm.getNonce(address(this));
        address[5] memory ahead;
        for (uint256 i = 0; i < 5; ++i) ahead[i] = vm.computeCreateAddress(address(this), nonce + i);
        address place = ahead[4];
        registry = IProviderRegistry(
            _create("ProviderRegistry.sol:ProviderRegistry", abi.encode(place, ahead[2], parameters, chosen, false))
        );
        resale = _create("Resale.sol:Resale", abi.encode(place));
        arbitration = _create("Arbitration.sol:Arbitration", abi.encode(place, registry, parameters, chosen));
        address metadata = _create("SeriesMetadata.sol:SeriesMetadata", abi.encode(registry));
        market = IGpuMarket(
            _create(
                "GpuMarket.sol:GpuMarket",
                abi.encode(token, registry, parameters, resale, arbitration, metadata, chosen)
            )
        );
        require(address(market) == place, "market elsewhere");
        marketDomain = Typed.domain("GPU Bourse", place);
        registryDomain = Typed.domain("GPU Bourse", address(registry));
        people.push(arbitration);
        people.push(resale);
        people.push(registry.BURNED());
    }

    function _initial() private view returns (IParameters.Initial memory) {
        return IParameters.Initial({
            feeBps: 100,
            treasury: treasuries[0],
            auditors: auditors,
            auditorThreshold: 2,
            minBondPerMilli: 1_000,
            roleBond: uint64(10 * USD),
            attestationFee: uint64(USD / 10),
            disputeFee: uint64(USD),
            arbiters: arbiters,
            arbiterThreshold: 2
        });
    }

    function _people() private {
        governor = _person("governor");
        pauser = _person("pauser");
        operator = _person("operator");
        stranger = _person("stranger");
        treasuries = [_person("treasury 1"), _person("treasury 2")];
        string[5] memory numbers = ["1", "2", "3", "4", "5"];
        for (uint256 i = 0; i < PROVIDERS; ++i) providers.push(_person(string.concat("provider ", numbers[i])));
        for (uint256 i = 0; i < BUYERS; ++i) buyers.push(_person(string.concat("buyer ", numbers[i])));
        for (uint256 i = 0; i < 3; ++i) auditors.push(_person(string.concat("auditor ", numbers[i])));
        for (uint256 i = 0; i < 3; ++i) arbiters.push(_person(string.concat("arbiter ", numbers[i])));
    }

    function _create(string memory artefact, bytes memory arguments) internal returns (address at) {
        bytes memory code = bytes.concat(vm.getCode(artefact), arguments);
        assembly ("memory-safe") {
            at := create(0, add(code, 32), mload(code))
        }
        require(at != address(0), artefact);
    }

    function _etch(string memory artefact, uint160 at) private {
        vm.etch(address(at), vm.getDeployedCode(artefact));
    }
}
