//! HTTP that a plugin asks the host to send, in the words of `http.wit`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::provider::Want;

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

/// A header's name and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In lower case in a response.
    pub name: String,
    /// Visible ASCII and spaces.
    pub value: String,
}

/// How to prove who is asking; credentials are named, never held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    Anonymous,
    /// `Authorization: Bearer <credential>`
    Bearer(String),
    /// `Authorization: Basic`, the credential as user and no password.
    Basic(String),
    /// `<header>: <credential>`
    Header {
        /// The credential's name.
        credential: String,
        /// The header's name.
        header: String,
    },
    /// AWS Signature Version 4.
    SigV4 {
        /// The credential's name.
        credential: String,
        /// `us-east-1`
        region: String,
        /// `ec2`
        service: String,
    },
}

/// A request as a plugin hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// Absolute.
    pub url: String,
    /// Without credentials.
    pub headers: Vec<Header>,
    /// As it is sent.
    pub body: Vec<u8>,
    /// Put in by the host.
    pub auth: Auth,
    /// From the first look-up to the last byte.
    pub timeout: Duration,
}

/// A response, scrubbed of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<Header>,
    /// As it came.
    pub body: Vec<u8>,
}

/// Why there is no response. The texts reach the plugin: no secret is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// Outside the grant; with the configuration line that would allow it.
    #[error("denied: {0}")]
    Denied(String),
    /// No credential of that name is bound to the plugin and the origin.
    #[error("unknown credential: {0}")]
    UnknownCredential(String),
    /// The request is not one.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Nothing in time.
    #[error("timed out")]
    TimedOut,
    /// More bytes than the node allows.
    #[error("more bytes than the node allows")]
    TooLarge,
    /// More requests or bytes than the node allows a call, or a day.
    #[error("over budget")]
    OutOfBudget,
    /// DNS, TCP or TLS.
    #[error("unreachable: {0}")]
    Unreachable(String),
}

/// What one call of one plugin may send; its budget ends with it.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// Sends one request and waits. Redirects are not followed.
    async fn send(&self, request: Request) -> Result<Response, OutboundError>;
}

/// Opens the way out, as far as the operator granted it.
pub trait Egress: Send + Sync {
    /// A budget for one call of `plugin`, whose component wants `wants`.
    fn open(&self, plugin: &str, wants: &[Want]) -> Arc<dyn Outbound>;
    /// Configuration lines that would grant what is wanted and not granted.
    fn missing(&self, plugin: &str, wants: &[Want]) -> Vec<String>;
}
