//! Provider adapters: what they may take, say and reach.

mod contract;
mod limits;
mod reach;
mod support;
