//! An order becomes a machine.

use provider_kit::{
    Failure, Instance, ORDER_TAG, Offer, Order, State, check_order_key, labels, ssh,
    text::{digest, said},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Lambda, machines::Tag};

/// The tag with a machine's host key.
pub(crate) const HOST_KEY_TAG: &str = "compute-subnet-host-key";
/// Before the names of labels, which are tags.
pub(crate) const LABEL_PREFIX: &str = "compute-subnet-label:";
/// The longest value of a tag.
const TAG_BYTES_MAX: usize = 128;
/// Until an order may try again whose key another order tidied away.
const KEY_GONE_RETRY_MS: u32 = 2_000;

/// `InstanceLaunchRequest`
#[derive(Serialize)]
struct Launch<'a> {
    region_name: &'a str,
    instance_type_name: &'a str,
    ssh_key_names: [&'a str; 1],
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Family<'a>>,
    user_data: String,
    tags: Vec<Tag>,
}

#[derive(Serialize)]
struct Family<'a> {
    family: &'a str,
}

#[derive(Deserialize)]
struct Launched {
    instance_ids: Vec<String>,
}

impl Lambda<'_> {
    /// Looks for the order's machine; buys one only if there is none.
    pub(crate) fn provision(&self, order: &Order) -> Result<Instance, Failure> {
        check_order_key(&order.key)?;
        let public_key = ssh::public_key(&order.ssh_public_key).map_err(Failure::Unsupported)?;
        if order.image.is_some() {
            return Err(Failure::Unsupported(
                "Lambda starts machines, not OCI images: order without an image".into(),
            ));
        }
        let machines = self.machines()?;
        if let Some(found) = machines
            .iter()
            .find(|machine| machine.order_key() == Some(&order.key))
        {
            return Ok(self.instance(found));
        }
        let Some(offer) = self.offer(&order.offer_id)? else {
            return Err(Failure::NoCapacity);
        };
        self.check(order, &offer)?;
        let used: Vec<String> = machines
            .into_iter()
            .flat_map(|machine| machine.ssh_key_names)
            .collect();
        let key_name = key_name(&order.key);
        self.bring_key(&key_name, &public_key, &used)?;
        let launched = self.launch(order, &offer, &key_name);
        if matches!(
            launched,
            Err(Failure::NoCapacity | Failure::Account(_) | Failure::Unsupported(_))
        ) {
            // Nothing was bought, so nothing needs the key.
            self.remove_keys(&[key_name]);
        }
        launched
    }

    fn check(&self, order: &Order, offer: &Offer) -> Result<(), Failure> {
        if order.disk_mib > offer.hardware.disk_mib {
            return Err(Failure::Unsupported(format!(
                "a disk of {} MiB; this machine has {} MiB",
                order.disk_mib, offer.hardware.disk_mib
            )));
        }
        if offer.price_micro_usd_per_hour > order.price_micro_usd_per_hour_max {
            return Err(Failure::PriceRose(offer.price_micro_usd_per_hour));
        }
        Ok(())
    }

    fn launch(&self, order: &Order, offer: &Offer, key_name: &str) -> Result<Instance, Failure> {
        let Some((region_name, instance_type_name)) = order.offer_id.split_once('/') else {
            return Err(Failure::Unsupported(format!(
                "no offer {:?}",
                said(&order.offer_id)
            )));
        };
        let secret = self.outside.random().map_err(Failure::Unsupported)?;
        let host_key = ssh::HostKey::new(&secret);
        let request = Launch {
            region_name,
            instance_type_name,
            ssh_key_names: [key_name],
            name: key_name,
            image: self
                .settings
                .image_family
                .as_deref()
                .map(|family| Family { family }),
            user_data: user_data(&host_key),
            tags: self.tags(order, &host_key),
        };
        let launched: Launched = match self.post("/instance-operations/launch", &request) {
            Err(Failure::NotFound) => return Err(Failure::Busy(KEY_GONE_RETRY_MS)),
            other => other?,
        };
        let Some(id) = launched.instance_ids.into_iter().next() else {
            return Err(Failure::Upstream("launched, and no id came back".into()));
        };
        Ok(Instance {
            id,
            order_key: Some(order.key.clone()),
            state: State::Starting,
            hardware: offer.hardware.clone(),
            price_micro_usd_per_hour: offer.price_micro_usd_per_hour,
            ssh: None,
            ends_at: None,
            labels: order.labels.clone(),
        })
    }

    fn tags(&self, order: &Order, host_key: &ssh::HostKey) -> Vec<Tag> {
        let tag = |key: &str, value: &str| Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let kept = labels::kept(self.outside, &order.labels, TAG_BYTES_MAX);
        // Tags' names have up to 55 bytes.
        let kept = kept
            .into_iter()
            .filter(|label| LABEL_PREFIX.len() + label.name.len() <= 55);
        let mut tags = vec![
            tag(ORDER_TAG, &order.key),
            tag(HOST_KEY_TAG, &host_key.public),
        ];
        tags.extend(kept.map(|label| tag(&format!("{LABEL_PREFIX}{}", label.name), &label.value)));
        tags
    }
}

/// Under which the account has an order's key, and by which the machine goes:
/// within the 64 bytes that Lambda takes, however long the order's own key is.
fn key_name(order_key: &str) -> String {
    let digest = digest(order_key);
    format!("{ORDER_TAG}-{}", &digest[..32])
}

/// JSON is YAML, so nothing in it can end the text it stands in.
fn user_data(host_key: &ssh::HostKey) -> String {
    let document = json!({
        "ssh_deletekeys": true,
        "ssh_keys": {
            "ed25519_private": host_key.private,
            "ed25519_public": host_key.public,
        },
    });
    format!("#cloud-config\n{document}\n")
}
