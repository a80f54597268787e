//! Asks miners for, and about, rentals.
//!
//! Whatever counts as an answer is signed by the miner, a refusal too: an
//! unsigned one may come from whoever stands on the way, and is only a reason to
//! look again. What does no harm twice is asked once more if the connection
//! closed before a byte of an answer came; an extension is sent once.

use hyper::StatusCode;
use hyper::body::Bytes;

use super::exchange::{Ask, Proof, Received};
use super::trouble::{Trouble, broke};
use super::{HttpDendrite, again_if_unanswered, within};
use crate::subnet::rental::RentError;
use crate::subnet::wire::{Peer, PeerError, RentAnswer, RentCall, RentFailure};

use super::super::status::{self, JSON, No};
use super::super::twresp::NotProven;
use super::super::{leases, route};

impl HttpDendrite {
    pub(super) async fn ask_landlord(
        &self,
        peer: &Peer,
        call: RentCall,
    ) -> Result<RentAnswer, RentFailure> {
        let ask = ask(&call)?;
        let received = self.exchange_about_rentals(peer, &call, &ask).await?;
        if received.status != StatusCode::OK {
            return Err(self.refusal_of(peer, &ask, &received));
        }
        self.check_signed(peer, &ask, &received)?;
        let answer = leases::read(&call, &received.body);
        answer.map_err(|why| broke(why).into())
    }

    async fn exchange_about_rentals(
        &self,
        peer: &Peer,
        call: &RentCall,
        ask: &Ask,
    ) -> Result<Received, Trouble> {
        let _turn = self.turn().await?;
        let once = || self.exchange(peer, ask);
        let time = self.options.rent_time;
        match call {
            RentCall::Extend { .. } => within(time, once()).await,
            _ => within(time, again_if_unanswered(once)).await,
        }
    }

    /// Who says no, and whether that is proved.
    fn refusal_of(&self, peer: &Peer, ask: &Ask, received: &Received) -> RentFailure {
        let no = received.refusal();
        match self.check(peer, ask, received) {
            Ok(Proof::Signed) => match status::read_rent(received.status, &received.body) {
                Some(error) => error.into(),
                None => not_served(no),
            },
            Ok(Proof::Unsigned) => {
                let unsigned = NotProven::Unsigned;
                let said = PeerError::from(no);
                PeerError::Refused(format!("{said}, but {unsigned}")).into()
            }
            Err(trouble) => trouble.into(),
        }
    }

    /// Has the operator API of a validator do `operation` and gives what it
    /// answered, as JSON that the node at `peer` signed.
    pub async fn operate(
        &self,
        peer: &Peer,
        operation: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, RentFailure> {
        let no_name = || RentError::Malformed("the operation has no name for the wire".to_owned());
        let ask = Ask {
            target: route::operate(operation).ok_or_else(no_name)?,
            content_type: JSON,
            body: Bytes::from(body),
            answer_bytes_max: leases::LIST_BYTES_MAX,
        };
        let _turn = self.turn().await?;
        let received = within(self.options.rent_time, self.exchange(peer, &ask)).await?;
        if received.status != StatusCode::OK {
            return Err(self.refusal_of(peer, &ask, &received));
        }
        self.check_signed(peer, &ask, &received)?;
        Ok(received.body)
    }
}

/// It proved who it is, and did not get as far as renting.
fn not_served(no: No) -> RentFailure {
    match no {
        No::BrokeProtocol(why) => PeerError::BrokeProtocol(why).into(),
        No::Refused(why) => RentFailure::NotServed(why),
        other => RentFailure::NotServed(PeerError::from(other).to_string()),
    }
}

fn ask(call: &RentCall) -> Result<Ask, RentFailure> {
    let malformed = |why: &str| RentError::Malformed(why.to_owned());
    let body = match call {
        RentCall::Order(request) => {
            leases::check_request(request).map_err(malformed)?;
            serde_json::to_vec(request).map_err(|error| malformed(&error.to_string()))?
        }
        _ => Vec::new(),
    };
    let target = route::rent(call);
    Ok(Ask {
        target: target.ok_or_else(|| malformed("the key is none, or no time is asked for"))?,
        content_type: JSON,
        body: Bytes::from(body),
        answer_bytes_max: leases::bytes_max(call),
    })
}

impl From<Trouble> for RentFailure {
    fn from(trouble: Trouble) -> Self {
        Self::Peer(trouble.into())
    }
}
