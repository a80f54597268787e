//! What the provider adapters share.
//!
//! An adapter is a translation: the words of `provider.wit` on one side, one
//! cloud's published API on the other. What is the same for every cloud is here,
//! so that each adapter's code is about its cloud:
//!
//! | module | |
//! |---|---|
//! | [`bindings`] | the contract's types, generated once for all adapters |
//! | [`component!`] | the component around an adapter |
//! | [`outside`] | all that an adapter reaches, as a trait that tests replace |
//! | [`http`] | requests, and what an answer or its absence means for money |
//! | [`api`] | a JSON API with a base address and one credential |
//! | [`xml`] | reads the XML of the older APIs |
//! | [`offers`] | which offers match a query |
//! | [`labels`] | which of an order's labels a provider can keep |
//! | [`ssh`] | renters' keys, and host keys made for one machine |
//! | [`money`], [`time`], [`list`], [`text`] | what they say |
//! | [`testing`] | a scripted outside world (feature `testing`) |
//!
//! One rule decides every mapping of a failure: a call that may have bought or
//! ended something and did not say so is [`Failure::Upstream`], whatever the
//! status, because the host then looks before it does anything again. Only a
//! provider's explicit refusal is anything else.

pub mod bindings {
    //! Generated from `wit/`.
    #![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
    #![allow(clippy::all, clippy::pedantic)]
    wit_bindgen::generate!({
        path: "../../wit/compute-subnet@0.1.0",
        world: "provider-adapter",
        pub_export_macro: true,
        default_bindings_module: "provider_kit::bindings",
        additional_derives: [PartialEq, Eq],
    });
}

pub mod api;
mod component;
pub mod http;
pub mod labels;
pub mod list;
pub mod money;
pub mod offers;
pub mod outside;
pub mod ssh;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod xml;

pub use bindings::compute::subnet::{
    http::{Auth, Error as HttpError, Header, Method, Request, Response, Sigv4Auth},
    log::Level,
    types::{Gpu, Hardware, Label},
};
pub use bindings::exports::compute::subnet::{
    plugin::Description,
    provider::{Failure, Instance, Offer, Order, Query, SshEndpoint, State, Want},
};
pub use outside::{Host, Outside};

/// Mebibytes in a gibibyte.
pub const MIB_PER_GIB: u64 = 1_024;
/// The name under which a provider keeps the key of an order.
pub const ORDER_TAG: &str = "compute-subnet-order";
/// The longest order key that every provider can keep, in bytes.
pub const ORDER_KEY_BYTES_MAX: usize = 128;

/// Refuses an order key that a provider could not keep as it is.
pub fn check_order_key(key: &str) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if !key.is_empty() && key.len() <= ORDER_KEY_BYTES_MAX && key.bytes().all(plain) {
        return Ok(());
    }
    Err(Failure::Unsupported(format!(
        "an order's key has 1 to {ORDER_KEY_BYTES_MAX} characters of a-z, A-Z, 0-9 and -_.:"
    )))
}
