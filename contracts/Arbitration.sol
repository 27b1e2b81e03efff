// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGpuMarket} from "./interfaces/IGpuMarket.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {Timing} from "./types/Timing.sol";

/// @title Cases between holders and providers
contract Arbitration {
    IGpuMarket public immutable market;

    constructor(IGpuMarket market_, IProviderRegistry, IParameters, Timing memory) {
        market = market_;
    }
}
