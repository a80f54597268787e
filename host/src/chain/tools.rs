//! What people ask of a chain beside what a node needs: the trait `Chain` is a
//! role's, these are `host subnet`'s.

use super::commitment::{self, Commitment};
use super::subnets::{self, SubnetLine};
use super::{Subtensor, calls, read, submit};
use crate::subnet::Netuid;
use crate::subnet::chain::{AxonInfo, ChainError, Included};
use crate::subnet::key::AccountId;

/// The shortest and the longest certificate: a byte for the algorithm, and a key.
const CERTIFICATE_BYTES: std::ops::RangeInclusive<usize> = 2..=65;

impl Subtensor {
    /// All subnets, by netuid.
    pub async fn subnets(&self) -> Result<Vec<SubnetLine>, ChainError> {
        self.shared
            .read(|session| Box::pin(subnets::all(session)))
            .await
    }

    /// What a slot costs now, in rao.
    pub async fn slot_price_rao(&self, netuid: Netuid) -> Result<u64, ChainError> {
        self.shared
            .read(move |session| Box::pin(read::slot_price_rao(session, netuid)))
            .await
    }

    /// What an account has published in a subnet.
    pub async fn commitment(
        &self,
        netuid: Netuid,
        account: AccountId,
    ) -> Result<Option<Commitment>, ChainError> {
        self.shared
            .read(move |session| Box::pin(commitment::read(session, netuid, account)))
            .await
    }

    /// Publishes at most 512 bytes for this hotkey, for everybody to read.
    pub async fn set_commitment(
        &self,
        netuid: Netuid,
        data: &[u8],
    ) -> Result<Included, ChainError> {
        if data.len() > calls::COMMITMENT_BYTES_MAX {
            return Err(ChainError::Refused {
                name: "TooLong".to_owned(),
                remedy: format!(
                    "A commitment has at most {} bytes and this has {}",
                    calls::COMMITMENT_BYTES_MAX,
                    data.len()
                ),
            });
        }
        let call = calls::set_commitment(netuid, data);
        submit::submit(&self.shared, &call, self.hotkey()?).await
    }

    /// Announces where this hotkey listens and its public key for TLS: a byte for
    /// the algorithm and at most 64 of the key.
    pub async fn serve_axon_tls(
        &self,
        netuid: Netuid,
        axon: AxonInfo,
        certificate: &[u8],
    ) -> Result<Included, ChainError> {
        if !CERTIFICATE_BYTES.contains(&certificate.len()) {
            return Err(ChainError::Refused {
                name: "InvalidCertificate".to_owned(),
                remedy: "A neuron's certificate is one byte for the algorithm and 1 to 64 bytes of public key, no X.509".to_owned(),
            });
        }
        let call = calls::serve_axon_tls(netuid, &axon, certificate);
        self.announce(netuid, &call).await
    }

    /// Announces that this hotkey listens nowhere.
    pub async fn withdraw_axon(&self, netuid: Netuid) -> Result<Included, ChainError> {
        self.announce(netuid, &calls::withdraw_axon(netuid)).await
    }
}
