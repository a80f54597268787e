//! One request: from strangers' bytes to a proven caller's answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use super::super::classic::Table;
use super::super::replay::ReplayStore;
use super::super::route::Route as Own;
use super::super::status::JSON;
use super::super::verify::{Arrived, Caller, Proven, Verifier};
use super::super::{description, leases};
use super::answer::Answer;
use super::btauth::OwnMessages;
use super::classic::Synapses;
use super::connections::Held;
use super::manner::{Came, Manner, No, Request as Asked, Route, Said};
use super::options::{AxonOptions, Protocol};
use super::pace::Pace;
use super::shares::{Share, Shares, origin};
use super::turns::{NoTurn, Turn, Turns};
use super::{PENDING_RETRY_MS, body};
use crate::subnet::challenge::PAYLOAD_BYTES_MAX;
use crate::subnet::key::{AccountId, Signer};
use crate::subnet::synapse::Fields;
use crate::subnet::wire::{
    Refusal, RentCall, Service, SynapseAnswer, SynapseReceived, TaskReceived,
};

/// What all connections of an axon share.
pub(super) struct Handler {
    options: AxonOptions,
    service: Arc<dyn Service>,
    verifier: Verifier,
    manners: Vec<Box<dyn Manner>>,
    bodies: Shares<IpAddr>,
    turns: Turns,
    pace: Pace,
}

/// A request whose sender is proved, with what it holds until it is answered.
struct Taken {
    proven: Proven,
    route: Route,
    body: Vec<u8>,
    bytes: Share<IpAddr>,
}

impl Handler {
    pub(super) fn new(
        options: AxonOptions,
        service: Arc<dyn Service>,
        signer: Arc<dyn Signer>,
    ) -> Self {
        let verifier = Verifier::new(
            &signer.account(),
            Arc::clone(&options.clock),
            options.started_unix_ns,
            ReplayStore::new(options.replay),
        );
        Self {
            bodies: Shares::new(
                options.body_bytes_in_flight_max,
                options.body_bytes_in_flight_per_address_max,
            ),
            turns: Turns::new(
                options.pending_max,
                options.pending_per_hotkey_max,
                options.waiting_max,
            ),
            pace: Pace::new(options.requests_per_second, options.requests_burst),
            manners: manners(&options.protocols, service.as_ref(), &signer),
            options,
            service,
            verifier,
        }
    }

    pub(super) fn options(&self) -> &AxonOptions {
        &self.options
    }

    pub(super) async fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        seat: &Held,
    ) -> Response<Answer> {
        let (head, incoming) = request.into_parts();
        if let Some(document) = self.document(&head) {
            return document;
        }
        let came = Came::now(head, peer);
        let Some(manner) = self.manner(&came.head) else {
            return closing(Response::new(Answer::whole("")));
        };
        match self.take(manner, &came, incoming).await {
            Ok(taken) => self.answer(manner, &came, seat, taken).await,
            Err(no) => {
                let response = manner.refuse(&came, None, no);
                tracing::debug!(%peer, status = response.status().as_u16(), "refused a stranger");
                closing(response)
            }
        }
    }

    /// What anybody may read; its reader has proved nothing.
    fn document(&self, head: &Parts) -> Option<Response<Answer>> {
        if head.method != Method::GET {
            return None;
        }
        let document = self.service.document(head.uri.path())?;
        let mut response = Response::new(Answer::whole(document));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        Some(closing(response))
    }

    /// By what the headers say; a request that says nothing by its path.
    fn manner(&self, head: &Parts) -> Option<&dyn Manner> {
        let manners = || self.manners.iter().map(AsRef::as_ref);
        manners()
            .find(|manner| manner.canonicaliser().speaks(&head.headers))
            .or_else(|| manners().find(|manner| manner.expects(head.uri.path())))
            .or_else(|| manners().next())
    }

    /// All that comes before a proof, cheapest first.
    async fn take(
        &self,
        manner: &dyn Manner,
        came: &Came,
        incoming: Incoming,
    ) -> Result<Taken, No> {
        let head = &came.head;
        let route = manner.route(came)?;
        let screened = self
            .verifier
            .screen(manner.canonicaliser(), &head.headers)
            .map_err(No::Unproven)?;
        let from = origin(came.peer.ip());
        let no_room = No::Body(body::BodyTrouble::NoRoom);
        let mut bytes = self.bodies.take(from, 0).ok_or(no_room)?;
        let max = self.body_bytes_max(&route);
        let body = body::read(incoming, max, self.options.body_time, &mut bytes)
            .await
            .map_err(No::Body)?;
        let arrived = Arrived {
            method: head.method.as_str(),
            target: head
                .uri
                .path_and_query()
                .map_or("", |target| target.as_str()),
            body: &body,
        };
        let proven = self
            .verifier
            .prove(screened, arrived)
            .map_err(No::Unproven)?;
        Ok(Taken {
            proven,
            route,
            body,
            bytes,
        })
    }

    fn body_bytes_max(&self, route: &Route) -> usize {
        match route {
            Route::Own(Own::Describe | Own::End { .. }) => self.options.describe_bytes_max,
            Route::Own(Own::Challenge { .. }) => self.options.payload_bytes_max,
            Route::Own(Own::Order | Own::Rent(_) | Own::Operate { .. }) => {
                self.options.rent_bytes_max
            }
            Route::Synapse(_) => self.options.synapse_bytes_max,
        }
    }

    async fn answer(
        &self,
        manner: &dyn Manner,
        came: &Came,
        seat: &Held,
        taken: Taken,
    ) -> Response<Answer> {
        let caller = taken.proven.caller().clone();
        let refuse = |no| manner.refuse(came, Some(&caller), no);
        if let Err(refusal) = self.service.admit(&caller.account) {
            return refuse(No::NotAdmitted(refusal));
        }
        // Anyone can make keys: only one that is welcome keeps its place.
        seat.prove();
        let asked = match manner.read(came, taken.route, taken.body) {
            Ok(asked) => asked,
            Err(no) => return refuse(no),
        };
        if let Err(error) = self.verifier.spend(taken.proven) {
            // It may be a recording: whoever plays it has proved nothing.
            return closing(manner.refuse(came, None, No::Unproven(error)));
        }
        let turn = match self.turn(&caller.account).await {
            Ok(turn) => turn,
            Err(no) => return refuse(no),
        };
        let time = self.time(manner, came);
        let mut response = match self.ask(&caller, asked, time).await {
            Ok(said) => manner.say(came, &caller, said),
            Err(no) => refuse(no),
        };
        let held = (turn, taken.bytes);
        response
            .body_mut()
            .hold(self.options.stream_bytes_max, held);
        response
    }

    /// No longer than the caller waits.
    fn time(&self, manner: &dyn Manner, came: &Came) -> Duration {
        let own = self.options.handler_time;
        manner.patience(came).map_or(own, |waits| waits.min(own))
    }

    /// A turn of this hotkey, held while its request is handled.
    async fn turn(&self, caller: &AccountId) -> Result<Turn, No> {
        let now = self.options.clock.unix_ns();
        let busy = |why, retry_ms| No::Crowded { why, retry_ms };
        self.pace
            .take(caller, now)
            .map_err(|ms| busy("too many requests a second", ms))?;
        let stake_rao = self.service.stake_rao(caller);
        let turn = self.turns.take(*caller, stake_rao);
        let why = match tokio::time::timeout(self.options.waiting_time, turn).await {
            Ok(Ok(turn)) => return Ok(turn),
            Ok(Err(NoTurn::OwnShare)) => "too many requests at once",
            Ok(Err(NoTurn::Full | NoTurn::Displaced)) => {
                "this node is full, and who has more stake goes first"
            }
            Err(_) => "this node is full, and no turn became free in time",
        };
        Err(busy(why, PENDING_RETRY_MS))
    }

    async fn ask(&self, caller: &Caller, asked: Asked, time: Duration) -> Result<Said, No> {
        let account = &caller.account;
        let served = async {
            match asked {
                Asked::Rent(call) => return self.rent(account, call).await,
                Asked::Operate { operation, body } => {
                    let done = self.service.operate(account, &operation, &body).await;
                    return done.map(Said::Json).map_err(No::NotRented);
                }
                Asked::Describe => self.describe(account).await,
                Asked::Challenge(task) => self.challenge(account, task).await,
                Asked::End(session) => {
                    self.service.end_session(account, &session).await;
                    Ok(Said::Json(b"{}".to_vec()))
                }
                Asked::Ping => Ok(Said::Fields(
                    super::super::classic::PING.to_owned(),
                    Fields::default(),
                )),
                Asked::Synapse(asked) => self.synapse(account, asked).await,
            }
            .map_err(No::Refused)
        };
        let served = tokio::time::timeout(time, served).await;
        served.map_err(|_| No::Late(time))?
    }

    async fn rent(&self, caller: &AccountId, call: RentCall) -> Result<Said, No> {
        let answer = self.service.rent(caller, call).await;
        answer
            .and_then(leases::write)
            .map(Said::Json)
            .map_err(No::NotRented)
    }

    async fn describe(&self, caller: &AccountId) -> Result<Said, Refusal> {
        let described = self.service.describe(caller).await?;
        description::check(&described).map_err(|why| Refusal::Failed(why.to_owned()))?;
        let json =
            serde_json::to_vec(&described).map_err(|error| Refusal::Failed(error.to_string()))?;
        Ok(Said::Json(json))
    }

    async fn challenge(&self, caller: &AccountId, task: TaskReceived) -> Result<Said, Refusal> {
        let answer = self.service.challenge(caller, task).await?;
        if answer.len() > PAYLOAD_BYTES_MAX {
            return Err(Refusal::Failed("the answer is too large".to_owned()));
        }
        Ok(Said::Octets(answer))
    }

    async fn synapse(&self, caller: &AccountId, asked: SynapseReceived) -> Result<Said, Refusal> {
        let name = asked.name.clone();
        Ok(match self.service.synapse(caller, asked).await? {
            SynapseAnswer::Fields(fields) => Said::Fields(name, fields),
            SynapseAnswer::Stream(chunks) => Said::Stream(name, chunks),
        })
    }
}

/// The protocols that are switched on; a further one is a line here.
fn manners(
    protocols: &[Protocol],
    service: &dyn Service,
    signer: &Arc<dyn Signer>,
) -> Vec<Box<dyn Manner>> {
    let manner = |protocol: &Protocol| -> Box<dyn Manner> {
        match protocol {
            Protocol::Btauth => Box::new(OwnMessages::new(Arc::clone(signer))),
            Protocol::Classic => Box::new(Synapses::new(&signer.account(), table(service))),
        }
    };
    protocols.iter().map(manner).collect()
}

fn table(service: &dyn Service) -> Table {
    Table::new(service.synapses()).unwrap_or_else(|error| {
        tracing::error!(%error, "no synapse but the ping is answered");
        Table::new([]).expect("the ping can be declared")
    })
}

fn closing(mut response: Response<Answer>) -> Response<Answer> {
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
