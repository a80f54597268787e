//! The adapters of real clouds: the components that the binary carries, in their
//! sandbox, with their credentials, against a cloud of one's own.
//!
//! Runpod and Lambda are servers written from their published descriptions, the
//! same that the adapters' own tests use; EC2 is moto. What each adapter makes of
//! every odd answer is tested in `plugins/`; here is what only the whole can show.

/// The adapters' own tests use them too.
#[path = "../../../plugins/provider-kit/src/testing/cloud.rs"]
#[allow(unreachable_pub, dead_code, clippy::pedantic)]
mod cloud;
#[path = "../../../plugins/provider-lambda/src/fake.rs"]
#[allow(dead_code, clippy::pedantic)]
mod fake_lambda;
#[path = "../../../plugins/provider-runpod/src/fake.rs"]
#[allow(dead_code, clippy::pedantic)]
mod fake_runpod;

mod aws;
mod lambda;
pub(crate) mod moto;
mod runpod;
mod support;
