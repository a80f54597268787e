//! Requests to the EC2 API of one region, and what its errors mean.

use provider_kit::{
    Auth, Failure, Header, Method, Outside, Request, Response, Sigv4Auth,
    http::{Effect, exchange, refusal, retry_after_ms},
    text::{percent, said},
    xml,
};

use crate::settings::Settings;

const VERSION: &str = "2016-11-15";
const SERVICE: &str = "ec2";

/// One region.
#[derive(Clone, Copy)]
pub(crate) struct Ec2<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) outside: &'a dyn Outside,
    pub(crate) region: &'a str,
}

/// Why EC2 did not do it: its own code, or what can be done about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Empty where the answer was none of EC2's.
    pub(crate) code: String,
    pub(crate) failure: Failure,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        refused.failure
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            code: String::new(),
            failure,
        }
    }
}

impl Ec2<'_> {
    /// Reads.
    pub(crate) fn ask(&self, action: &str, parameters: &Form) -> Result<String, Refused> {
        self.call(action, parameters, Effect::None)
    }

    /// Changes something.
    pub(crate) fn act(&self, action: &str, parameters: &Form) -> Result<String, Refused> {
        self.call(action, parameters, Effect::Perhaps)
    }

    /// The document that EC2 answers with.
    fn call(&self, action: &str, parameters: &Form, effect: Effect) -> Result<String, Refused> {
        let request = Request {
            method: Method::Post,
            url: format!("{}/", self.settings.origin(self.region)),
            headers: vec![Header {
                name: "content-type".into(),
                value: "application/x-www-form-urlencoded; charset=utf-8".into(),
            }],
            body: format!("Action={action}&Version={VERSION}{}", parameters.0).into_bytes(),
            auth: Auth::Sigv4(Sigv4Auth {
                credential: self.settings.credential.clone(),
                region: self.region.to_owned(),
                service: SERVICE.to_owned(),
            }),
            timeout_ms: self.settings.timeout_ms,
        };
        let response = exchange(self.outside, &request, effect)?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        match response.status {
            200 => Ok(text),
            _ => Err(refused(&response, &text, self.outside.now_s())),
        }
    }
}

/// A form's fields, encoded, each with `&` before it.
#[derive(Default)]
pub(crate) struct Form(String);

impl Form {
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.0.push_str(&format!("&{name}={}", percent(value)));
        self
    }

    /// This one and one field more.
    pub(crate) fn and(&self, name: &str, value: &str) -> Self {
        Self(self.0.clone()).set(name, value)
    }

    /// `Filter.N`
    pub(crate) fn filter(self, n: usize, name: &str, values: &[&str]) -> Self {
        let form = self.set(&format!("Filter.{n}.Name"), name);
        let values = values.iter().enumerate();
        values.fold(form, |form, (at, value)| {
            form.set(&format!("Filter.{n}.Value.{}", at + 1), value)
        })
    }
}

/// By EC2's own code where there is one: it says `RequestLimitExceeded` with 503
/// and `InsufficientInstanceCapacity` with 500.
fn refused(response: &Response, text: &str, now_s: u64) -> Refused {
    let (code, message) = words(text);
    let said = said(&format!("{code}: {message}"));
    let failure = match known(&code, &said) {
        Some(Failure::Busy(_)) => Failure::Busy(retry_after_ms(response, now_s)),
        Some(failure) => failure,
        None => refusal(response, now_s, &said).unwrap_or(Failure::Unsupported(said)),
    };
    Refused { code, failure }
}

fn words(text: &str) -> (String, String) {
    let Ok(document) = xml::read(text) else {
        return (String::new(), said(text));
    };
    let error = xml::at(document.root_element(), &["Errors", "Error"]);
    let part = |name: &str| error.and_then(|error| xml::text(error, &[name]));
    let part = |name: &str| part(name).unwrap_or_default().to_owned();
    (part("Code"), part("Message"))
}

/// What a code means, whatever the status. Of the many others those with a status
/// of 4xx are mistakes of this adapter or of its settings.
fn known(code: &str, said: &str) -> Option<Failure> {
    let account = || Some(Failure::Account(said.to_owned()));
    match code {
        "InsufficientInstanceCapacity"
        | "InsufficientHostCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "InsufficientCapacity"
        | "SpotMaxPriceTooLow"
        | "Unsupported" => Some(Failure::NoCapacity),
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "RequestThrottled"
        | "EC2ThrottledException"
        | "BandwidthLimitExceeded" => Some(Failure::Busy(0)),
        "UnauthorizedOperation"
        | "AuthFailure"
        | "SignatureDoesNotMatch"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "MissingAuthenticationToken"
        | "RequestExpired"
        | "ExpiredToken"
        | "OptInRequired"
        | "Blocked"
        | "PendingVerification"
        | "PendingAccountVerification"
        | "InstanceLimitExceeded"
        | "VcpuLimitExceeded"
        | "MaxSpotInstanceCountExceeded"
        | "VolumeLimitExceeded"
        | "AddressLimitExceeded"
        | "SecurityGroupLimitExceeded"
        | "TagLimitExceeded"
        | "VPCIdNotSpecified"
        | "DefaultVpcDoesNotExist"
        | "MissingInput" => account(),
        // Set by the operator, and wrong.
        "InvalidGroup.NotFound" | "InvalidSubnet" | "InvalidBlockDeviceMapping" => account(),
        code if code.starts_with("InvalidAMIID.") || code.starts_with("InvalidSubnetID.") => {
            account()
        }
        // Bought before: by this very token, with another host key.
        "IdempotentParameterMismatch" => Some(Failure::Upstream(said.to_owned())),
        code if code.starts_with("InvalidInstanceID.") => Some(Failure::NotFound),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider_kit::testing::{answer, answer_with};

    fn failure(status: u16, code: &str) -> Failure {
        let text = format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>"
        );
        refused(&answer(status, &text), &text, 0).failure
    }

    #[test]
    fn a_code_counts_more_than_its_status() {
        assert_eq!(
            failure(500, "InsufficientInstanceCapacity"),
            Failure::NoCapacity
        );
        assert_eq!(failure(503, "RequestLimitExceeded"), Failure::Busy(10_000));
        assert_eq!(
            failure(400, "InvalidInstanceID.NotFound"),
            Failure::NotFound
        );
        assert_eq!(
            failure(400, "InvalidInstanceID.Malformed"),
            Failure::NotFound
        );
        for code in [
            "UnauthorizedOperation",
            "AuthFailure",
            "VcpuLimitExceeded",
            "OptInRequired",
            "InvalidAMIID.NotFound",
        ] {
            assert!(matches!(failure(400, code), Failure::Account(_)), "{code}");
        }
        for (status, code) in [
            (500, "InternalError"),
            (503, "Unavailable"),
            (400, "IdempotentParameterMismatch"),
        ] {
            assert!(
                matches!(failure(status, code), Failure::Upstream(_)),
                "{code}"
            );
        }
        assert!(matches!(
            failure(400, "InvalidParameterValue"),
            Failure::Unsupported(_)
        ));
        assert!(matches!(failure(302, ""), Failure::Unsupported(_)));
    }

    #[test]
    fn an_answer_that_is_none_of_ec2s_goes_by_its_status() {
        let page = |status| refused(&answer(status, "<html>gateway"), "<html>gateway", 0).failure;
        assert!(matches!(page(502), Failure::Upstream(_)));
        assert!(matches!(page(403), Failure::Account(_)));
        assert!(matches!(page(404), Failure::Unsupported(_)));
        let busy = answer_with(429, "retry-after", "3", "");
        assert_eq!(refused(&busy, "", 0).failure, Failure::Busy(3_000));
    }

    #[test]
    fn a_form_is_encoded() {
        let form = Form::default()
            .set("A.1", "b c&d")
            .filter(1, "tag:x", &["1", "2"]);
        assert_eq!(
            form.0,
            "&A.1=b%20c%26d&Filter.1.Name=tag%3Ax&Filter.1.Value.1=1&Filter.1.Value.2=2"
        );
    }
}
