//! What to do about each error the chain has a name for.
//!
//! One sentence each, without its full stop: it ends a message. A test holds
//! the names to those of the runtimes.

/// The numbers of subtensor's own checks, as runtime 461 has them.
pub(super) const CUSTOM: [(u8, &str); 21] = [
    (0, "ColdkeyInSwapSchedule"),
    (1, "StakeAmountTooLow"),
    (2, "BalanceTooLow"),
    (3, "SubnetNotExists"),
    (4, "HotkeyAccountDoesntExist"),
    (5, "NotEnoughStakeToWithdraw"),
    (6, "RateLimitExceeded"),
    (7, "InsufficientLiquidity"),
    (8, "SlippageTooHigh"),
    (9, "TransferDisallowed"),
    (10, "HotKeyNotRegisteredInNetwork"),
    (11, "InvalidIpAddress"),
    (12, "ServingRateLimitExceeded"),
    (13, "InvalidPort"),
    (15, "InvalidRevealRound"),
    (16, "CommitNotFound"),
    (17, "CommitBlockNotInRevealRange"),
    (18, "InputLengthsUnequal"),
    (19, "UidNotFound"),
    (20, "EvmKeyAssociateRateLimitExceeded"),
    (255, "BadRequest"),
];

/// What to do, by the runtime's own name of the error.
pub(super) const REMEDIES: &[(&str, &str)] = &[
    (
        "SettingWeightsTooFast",
        "Weights were set too recently; the node sets them again when the subnet's rate limit allows",
    ),
    (
        "RateLimitExceeded",
        "The call came too soon after the last one; wait for the subnet's rate limit",
    ),
    (
        "CommittingWeightsTooFast",
        "Weights were committed too recently; wait for the subnet's rate limit",
    ),
    (
        "ServingRateLimitExceeded",
        "The axon was announced too recently; wait for the subnet's serving rate limit and start again",
    ),
    (
        "NeuronNoValidatorPermit",
        "This hotkey may not set weights: it needs a validator permit, which the chain gives to the neurons with the most stake at the end of an epoch",
    ),
    (
        "NotEnoughStakeToSetWeights",
        "This hotkey has less stake than validators need; add stake with `btcli stake add`",
    ),
    (
        "StakeAmountTooLow",
        "This hotkey has less stake than validators need; add stake with `btcli stake add`",
    ),
    (
        "HotKeyNotRegisteredInSubNet",
        "This hotkey holds no slot in the subnet; register it with `host subnet register` or `host run --register`",
    ),
    (
        "HotKeyNotRegisteredInNetwork",
        "This hotkey holds no slot in the subnet; register it with `host subnet register` or `host run --register`",
    ),
    (
        "HotkeyAccountDoesntExist",
        "The chain does not know this hotkey; register it with `host subnet register` or `host run --register`",
    ),
    (
        "HotKeyAlreadyRegisteredInSubNet",
        "This hotkey holds a slot already; start without --register",
    ),
    (
        "InvalidRevealRound",
        "The commit would be opened in the past: set this machine's clock, and try again",
    ),
    (
        "CommitRevealDisabled",
        "The subnet takes plain weights only; the node finds that out with its next metagraph",
    ),
    (
        "IncorrectCommitRevealVersion",
        "The chain commits weights in another way than this version knows; update it",
    ),
    (
        "TooManyUnrevealedCommits",
        "Too many commits of this hotkey wait to be revealed; wait until the next epoch reveals some",
    ),
    (
        "CommitNotFound",
        "The chain holds no such commit of this hotkey: it was revealed or has expired; commit again",
    ),
    (
        "NoWeightsCommitFound",
        "The chain holds no such commit of this hotkey: it was revealed or has expired; commit again",
    ),
    (
        "CommitBlockNotInRevealRange",
        "The commit cannot be revealed in this epoch; wait for the one it is meant for",
    ),
    (
        "RevealTooEarly",
        "The commit cannot be revealed yet; wait for the epoch it is meant for",
    ),
    (
        "ExpiredWeightCommit",
        "The commit's epoch is over and it counts no more; commit the next weights",
    ),
    (
        "InputLengthsUnequal",
        "The weights have more uids than values, which is a fault of this program: please report it",
    ),
    (
        "NotEnoughStakeToWithdraw",
        "There is less stake than that; look with `btcli stake list`",
    ),
    (
        "InsufficientLiquidity",
        "The subnet's pool is too small for this; try a smaller amount",
    ),
    (
        "SlippageTooHigh",
        "The price would move too far; try a smaller amount or allow more",
    ),
    (
        "TransferDisallowed",
        "The subnet does not let stake be transferred; ask its owner",
    ),
    (
        "EvmKeyAssociateRateLimitExceeded",
        "The EVM key was set too recently; try again later",
    ),
    (
        "BadRequest",
        "The chain found the call unfit before it was in a block and does not say why; look at the hotkey with `host subnet metagraph`",
    ),
    (
        "SpaceLimitExceeded",
        "This hotkey has published as much as a tempo allows; try again in the next epoch",
    ),
    (
        "AccountNotAllowedCommit",
        "Only hotkeys with a slot in the subnet may publish in it; register it with `host subnet register`",
    ),
    (
        "TooManyFieldsInCommitmentInfo",
        "A commitment has one field only; publish less",
    ),
    (
        "CommitRevealEnabled",
        "The subnet takes committed weights only, which this version cannot make; its owner can switch that off",
    ),
    (
        "IncorrectWeightVersionKey",
        "The subnet demands a newer version of the validator; update it",
    ),
    (
        "WeightVecLengthIsLow",
        "The subnet demands weights for more neurons than the policy scored; lower min_allowed_weights or score more miners",
    ),
    (
        "MaxWeightExceeded",
        "One neuron would get more weight than the subnet allows; the policy has to spread it",
    ),
    (
        "UidVecContainInvalidOne",
        "A neuron left the subnet meanwhile; the next metagraph no longer has it",
    ),
    (
        "UidNotFound",
        "A neuron left the subnet meanwhile; the next metagraph no longer has it",
    ),
    (
        "DuplicateUids",
        "The weights name a neuron twice, which is a fault of this program: please report it",
    ),
    (
        "InvalidIpAddress",
        "The chain does not take this address; announce a public one with --axon.external_ip, and on one machine 127.0.0.2 or above",
    ),
    (
        "InvalidIpType",
        "The chain does not take this address; announce a public one with --axon.external_ip",
    ),
    (
        "InvalidPort",
        "The chain does not take this port; choose one from 1 to 65535 with --axon.port",
    ),
    (
        "NotEnoughBalanceToStake",
        "The coldkey has too little; send TAO to it and try again",
    ),
    (
        "InsufficientBalance",
        "The coldkey has too little; send TAO to it and try again",
    ),
    (
        "BalanceTooLow",
        "The coldkey has too little; send TAO to it and try again",
    ),
    (
        "FundsUnavailable",
        "The coldkey has too little; send TAO to it and try again",
    ),
    (
        "Payment",
        "The account cannot pay the fee; send TAO to it and try again",
    ),
    (
        "SubnetNotExists",
        "There is no such subnet on this chain; check --netuid and --subtensor.network",
    ),
    (
        "MechanismDoesNotExist",
        "There is no such subnet on this chain; check --netuid and --subtensor.network",
    ),
    (
        "TooManyRegistrationsThisBlock",
        "Too many registered in this block; try again in the next one",
    ),
    (
        "TooManyRegistrationsThisInterval",
        "Too many registered in this interval; try again in some minutes",
    ),
    (
        "NoNeuronIdAvailable",
        "All slots are taken by neurons that cannot be replaced yet; try again later",
    ),
    (
        "RegistrationPriceLimitExceeded",
        "The price rose above the limit before the call was included; raise --register-limit-rao or wait",
    ),
    (
        "SubNetRegistrationDisabled",
        "The subnet takes no registrations now; ask its owner",
    ),
    (
        "RegistrationNotPermittedOnRootSubnet",
        "Subnet 0 is the root, where neurons register otherwise; check --netuid",
    ),
    (
        "ColdkeyInSwapSchedule",
        "The coldkey is about to be replaced and may do nothing else; use its successor",
    ),
    (
        "Stale",
        "Another program used this key's nonce; make sure that only one node runs with this hotkey, and try again",
    ),
    (
        "Future",
        "The node has not seen an earlier call of this key; try again in the next block",
    ),
    (
        "BadProof",
        "The signature does not fit the chain; if its runtime was just upgraded, try again",
    ),
    ("AncientBirthBlock", "The call waited too long; try again"),
    (
        "PriorityTooLow",
        "Another call with this key's nonce is waiting; make sure that only one node runs with this hotkey, and try again in the next block",
    ),
    (
        "TemporarilyBanned",
        "The same call was invalid moments ago; try again in some minutes, or through another endpoint",
    ),
    (
        "PoolFull",
        "The node's pool is full; try again in some blocks, or through another endpoint",
    ),
    (
        "CallFiltered",
        "The chain does not take this call at present; try again later",
    ),
];
