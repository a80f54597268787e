//! What this side says when the machine asks something: no.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{ChannelOpenHandle, Handler, Msg, Session};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{HashAlg, PublicKeyOrCertificate};
use russh::{Channel, Error};

/// Which host key was shown instead of the pinned one.
#[derive(Clone, Default)]
pub(super) struct Shown(Arc<Mutex<Option<String>>>);

impl Shown {
    /// Its fingerprint, if one was shown.
    pub(super) fn take(&self) -> Option<String> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Trusts one key, and no channel that it did not open.
pub(super) struct Pinned {
    pub(super) key: KeyData,
    pub(super) shown: Shown,
}

/// A handle that is dropped rejects the channel.
macro_rules! rejects {
    ($($name:ident($($argument:ty),*)),* $(,)?) => {
        $(async fn $name(
            &mut self,
            _: Channel<Msg>,
            $(_: $argument,)*
            _: ChannelOpenHandle,
            _: &mut Session,
        ) -> Result<(), Error> {
            Ok(())
        })*
    };
}

impl Handler for Pinned {
    type Error = Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = offered else {
            return Ok(false);
        };
        let same = *key.key_data() == self.key;
        if !same {
            let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
            *self.shown.lock() = Some(fingerprint);
        }
        Ok(same)
    }

    rejects! {
        server_channel_open_agent_forward(),
        server_channel_open_session(),
        server_channel_open_forwarded_streamlocal(&str),
        server_channel_open_direct_streamlocal(&str),
        server_channel_open_x11(&str, u32),
        server_channel_open_forwarded_tcpip(&str, u32, &str, u32),
        server_channel_open_direct_tcpip(&str, u32, &str, u32),
        server_channel_open_unknown(),
    }
}
