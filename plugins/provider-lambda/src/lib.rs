//! Provider adapter `provider-lambda`: on-demand machines of Lambda.
//!
//! Follows the Lambda Cloud API **v1** (`https://cloud.lambda.ai/api/v1`, OpenAPI
//! document of version 1.10.0, as published in October 2026).
//!
//! - **One order, one machine.** The order's key is a tag of the machine, put
//!   there by the very request that buys it. Every order looks for its key first.
//! - **Prices** are those of the instance types, per machine, in whole cents.
//!   Lambda takes no price limit with an order; the price is read right before.
//! - **Login.** Lambda wants exactly one key of the account with a launch. The
//!   renter's key is added under a name of its own, and removed once the machine
//!   is ended or was refused. What a crash left behind is removed by a later
//!   order, when there are more than [`keys::KEYS_MAX`]: the account never fills up.
//! - **Host key.** Made here for this one machine and given to it as user data, so
//!   it is known before the machine boots; see `provider_kit::ssh`.
//! - **The end.** A machine that shuts itself down is paid for all the same, so
//!   `ends-at` is absent and `extend` is unsupported: only the node ends what it
//!   rented.
//! - **Pace.** Lambda takes about one request a second, and one launch in twelve.
//!   Within a call the adapter waits [`PACE_MS`] between requests; what is refused
//!   all the same is `busy` for as long as Lambda says.
//!
//! Settings are in [`settings`]; what to grant is in `plugins/README.md`.

mod catalog;
#[cfg(test)]
mod fake;
mod keys;
mod launch;
mod machines;
mod settings;
#[cfg(test)]
mod tests;

use std::cell::Cell;

use provider_kit::{Failure, Instance, Outside, Response, api::Api, api::read, text::said};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use settings::Settings;

/// Between two requests of one call, in milliseconds.
const PACE_MS: u64 = 1_100;

#[cfg(test)]
use provider_kit::testing::cloud;

/// One cloud, as one call sees it.
struct Lambda<'a> {
    settings: &'a Settings,
    outside: &'a dyn Outside,
    /// Whether this call has sent anything yet.
    asked: Cell<bool>,
}

/// Every good answer.
#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

/// Every other.
#[derive(Deserialize)]
struct Refusal {
    error: Complaint,
}

#[derive(Deserialize)]
struct Complaint {
    code: String,
    #[serde(default)]
    message: String,
}

impl<'a> Lambda<'a> {
    fn new(settings: &'a Settings, outside: &'a dyn Outside) -> Self {
        Self {
            settings,
            outside,
            asked: Cell::new(false),
        }
    }

    fn extend(&self, _id: &str, _ends_at: u64) -> Result<Instance, Failure> {
        Err(Failure::Unsupported(
            "Lambda ends no machine by itself, so there is no end to move".to_owned(),
        ))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let response = self.api().get(&format!("/api/v1{path}"))?;
        self.data(&response)
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        document: &impl Serialize,
    ) -> Result<T, Failure> {
        let response = self.api().post(&format!("/api/v1{path}"), document)?;
        self.data(&response)
    }

    fn delete(&self, path: &str) -> Result<(), Failure> {
        let response = self.api().delete(&format!("/api/v1{path}"))?;
        match response.status {
            200..=299 | 404 => Ok(()),
            _ => Err(self.refused(&response)),
        }
    }

    fn data<T: DeserializeOwned>(&self, response: &Response) -> Result<T, Failure> {
        match response.status {
            200..=299 => Ok(read::<Data<T>>(response)?.data),
            _ => Err(self.refused(response)),
        }
    }

    /// By Lambda's own code where there is one, else by the status.
    fn refused(&self, response: &Response) -> Failure {
        let api = self.api_now();
        let Ok(Refusal { error }) = read::<Refusal>(response) else {
            let words = said(&String::from_utf8_lossy(&response.body));
            let other = || Failure::Unsupported(format!("{}: {words}", response.status));
            return match response.status {
                404 => Failure::NotFound,
                _ => api.refusal(response).unwrap_or_else(other),
            };
        };
        let words = said(&format!("{}: {}", error.code, error.message));
        match error.code.as_str() {
            "instance-operations/launch/insufficient-capacity" => Failure::NoCapacity,
            "global/quota-exceeded"
            | "global/invalid-api-key"
            | "global/account-inactive"
            | "global/invalid-address"
            | "global/forbidden" => Failure::Account(words),
            // A key of ours that another order tidied away, or a machine in motion.
            "global/object-does-not-exist" if response.status < 500 => Failure::NotFound,
            "global/not-found" => Failure::NotFound,
            "global/conflict" => Failure::Busy(provider_kit::http::RETRY_AFTER_MS_DEFAULT),
            _ => api.refusal(response).unwrap_or(Failure::Unsupported(words)),
        }
    }

    /// After a pause, if this is not the call's first request.
    fn api(&self) -> Api<'_> {
        if self.asked.replace(true) {
            self.outside.pause(PACE_MS);
        }
        self.api_now()
    }

    fn api_now(&self) -> Api<'_> {
        Api {
            outside: self.outside,
            origin: &self.settings.endpoint,
            credential: &self.settings.credential,
            timeout_ms: self.settings.timeout_ms,
        }
    }
}

provider_kit::component!(Lambda, name: "provider-lambda", summary: "rents machines from Lambda");
