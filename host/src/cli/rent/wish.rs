//! What a machine must have, as flags.

use clap::Args;

use crate::cli::provider::filter::micro_usd;
use crate::role::operator::Requirement;
use crate::subnet::key::AccountId;

/// What a machine must have.
#[derive(Debug, Args)]
#[command(next_help_heading = "Only machines with")]
pub(super) struct Wish {
    /// This in the name of their cards' model: H100
    #[arg(long, value_name = "MODEL")]
    gpu: Option<String>,
    /// At least so many cards of one model
    #[arg(long, value_name = "N", default_value_t = 0)]
    gpus: u32,
    /// At least so much memory on each card
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    gpu_memory_mib: u64,
    /// At least so many hardware threads
    #[arg(long, value_name = "N", default_value_t = 0)]
    cpu_threads: u32,
    /// At least so much main memory
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    memory_mib: u64,
    /// At least so much disk
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    disk_mib: u64,
    /// This region, as the miner calls it
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// At most this price, in US dollars an hour: 1.25
    #[arg(long, value_name = "USD", value_parser = micro_usd)]
    price_max: Option<u64>,
    /// This miner
    #[arg(long, value_name = "SS58")]
    miner: Option<AccountId>,
    /// Something proved by the validator's challenges, and nothing failed
    #[arg(long)]
    proven: bool,
}

impl Wish {
    /// In the API's words.
    pub(super) fn requirement(&self) -> Requirement {
        Requirement {
            miner: self.miner,
            gpu_model: self.gpu.clone(),
            gpu_count: self.gpus,
            gpu_memory_mib: self.gpu_memory_mib,
            cpu_threads: self.cpu_threads,
            memory_mib: self.memory_mib,
            disk_mib: self.disk_mib,
            region: self.region.clone(),
            price_micro_usd_per_hour_max: self.price_max,
            proven_only: self.proven,
        }
    }
}
