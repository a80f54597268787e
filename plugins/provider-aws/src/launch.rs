//! An order becomes a machine.

use provider_kit::{
    Failure, Instance, Offer, Order, check_order_key, ssh,
    text::{digest, said},
    xml,
};

use crate::{
    Aws,
    catalog::Choice,
    ec2::{Ec2, Form},
    settings::Market,
    tags::{self, Tags},
    user_data,
};

impl Aws<'_> {
    /// Looks for the order's machine; buys one only if there is none.
    pub(crate) fn provision(&self, order: &Order) -> Result<Instance, Failure> {
        let renter = self.check(order)?;
        if let Some(machine) = self.ordered(&order.key)? {
            return Ok(machine);
        }
        let choice = Choice::read(&order.offer_id, self.settings.market);
        let choice = choice.filter(|choice| self.settings.regions.contains(&choice.region));
        let choice = choice.filter(|choice| self.settings.instance_types.contains(&choice.kind));
        let Some(choice) = choice else {
            return Err(Failure::Unsupported(format!(
                "{:?} is no offer under the present settings",
                said(&order.offer_id)
            )));
        };
        let region = self.region(&choice.region);
        let offer = region.current(&choice, &order.offer_id)?;
        if offer.price_micro_usd_per_hour > order.price_micro_usd_per_hour_max {
            return Err(Failure::PriceRose(offer.price_micro_usd_per_hour));
        }
        region.launch(order, &choice, &offer, &renter)
    }

    /// The renter's key, if the order can be filled at all.
    fn check(&self, order: &Order) -> Result<String, Failure> {
        check_order_key(&order.key)?;
        if order.image.is_some() {
            return Err(Failure::Unsupported(
                "EC2 starts machines, not OCI images: order without an image".into(),
            ));
        }
        let disk_mib = self.settings.disk_mib();
        if order.disk_mib > disk_mib {
            return Err(Failure::Unsupported(format!(
                "a disk of {} MiB; this adapter's setting disk-gib offers {disk_mib} MiB",
                order.disk_mib
            )));
        }
        ssh::public_key(&order.ssh_public_key).map_err(Failure::Unsupported)
    }
}

impl Ec2<'_> {
    /// The offer as it is now.
    fn current(&self, choice: &Choice, id: &str) -> Result<Offer, Failure> {
        let offers = self.offers(std::slice::from_ref(&choice.kind))?;
        offers
            .into_iter()
            .find(|offer| offer.id == id)
            .ok_or(Failure::NoCapacity)
    }

    fn launch(
        &self,
        order: &Order,
        choice: &Choice,
        offer: &Offer,
        renter: &str,
    ) -> Result<Instance, Failure> {
        let group = self.security_group()?;
        let secret = self.outside.random().map_err(Failure::Unsupported)?;
        let host_key = ssh::HostKey::new(&secret);
        let price = offer.price_micro_usd_per_hour;
        let tags = tags::write(
            self.outside,
            order,
            &offer.hardware,
            price,
            &host_key.public,
        );
        let user_data = user_data::encode(renter, &host_key, order.ends_at);
        let form = self
            .machine(choice, offer, &group)
            .set("UserData", &user_data);
        let form = self.bid(form, order, choice);
        let form = tagged(form, &tags).set("ClientToken", &digest(&order.key));
        let text = match self.act("RunInstances", &form) {
            Err(refused) if refused.code == "SpotMaxPriceTooLow" => {
                let now = self.current(choice, &order.offer_id)?;
                return Err(Failure::PriceRose(now.price_micro_usd_per_hour));
            }
            other => other?,
        };
        let document = xml::read(&text)?;
        let mut machines = xml::items(document.root_element(), &["instancesSet"]);
        let machine = machines.next();
        let machine =
            machine.and_then(|machine| tags::read(machine, self.region, &self.settings.login));
        machine.ok_or_else(|| Failure::Upstream("launched, and no machine came back".into()))
    }

    /// What is started, and that it terminates when it shuts down.
    fn machine(&self, choice: &Choice, offer: &Offer, group: &str) -> Form {
        let settings = self.settings;
        let image = match offer.hardware.gpus.is_empty() {
            true => &settings.cpu_image,
            false => &settings.gpu_image,
        };
        let form = Form::default()
            .set("ImageId", image)
            .set("InstanceType", &choice.kind)
            .set("MinCount", "1")
            .set("MaxCount", "1")
            .set("InstanceInitiatedShutdownBehavior", "terminate")
            .set("MetadataOptions.HttpEndpoint", "enabled")
            .set("MetadataOptions.HttpTokens", "required")
            .set("MetadataOptions.HttpPutResponseHopLimit", "1")
            .set("MetadataOptions.InstanceMetadataTags", "enabled")
            .set("BlockDeviceMapping.1.DeviceName", &settings.root_device)
            .set(
                "BlockDeviceMapping.1.Ebs.VolumeSize",
                &settings.disk_gib.to_string(),
            )
            .set("BlockDeviceMapping.1.Ebs.VolumeType", "gp3")
            .set("BlockDeviceMapping.1.Ebs.Encrypted", "true")
            .set("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true")
            .set("NetworkInterface.1.DeviceIndex", "0")
            .set("NetworkInterface.1.AssociatePublicIpAddress", "true")
            .set("NetworkInterface.1.DeleteOnTermination", "true")
            .set("NetworkInterface.1.SecurityGroupId.1", group);
        match settings.subnets.get(self.region) {
            Some(subnet) => form.set("NetworkInterface.1.SubnetId", subnet),
            None => form,
        }
    }

    /// Spot: where, and that EC2 itself holds the order's limit.
    fn bid(&self, form: Form, order: &Order, choice: &Choice) -> Form {
        if self.settings.market == Market::OnDemand {
            return form;
        }
        let extra = self.settings.extra_micro_usd_per_hour;
        let max = order.price_micro_usd_per_hour_max.saturating_sub(extra);
        let max = format!("{}.{:06}", max / 1_000_000, max % 1_000_000);
        form.set("Placement.AvailabilityZone", &choice.zone)
            .set("InstanceMarketOptions.MarketType", "spot")
            .set(
                "InstanceMarketOptions.SpotOptions.SpotInstanceType",
                "one-time",
            )
            .set(
                "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
                "terminate",
            )
            .set("InstanceMarketOptions.SpotOptions.MaxPrice", &max)
    }
}

/// The machine has them, and so has its disk: what a disk belongs to can be told
/// even if EC2 should ever leave one behind.
fn tagged(form: Form, tags: &Tags) -> Form {
    let kinds = ["instance", "volume"].iter().enumerate();
    kinds.fold(form, |form, (at, kind)| {
        let prefix = format!("TagSpecification.{}", at + 1);
        let form = form.set(&format!("{prefix}.ResourceType"), kind);
        let tags = tags.iter().enumerate();
        tags.fold(form, |form, (at, (name, value))| {
            let prefix = format!("{prefix}.Tag.{}", at + 1);
            form.set(&format!("{prefix}.Key"), name)
                .set(&format!("{prefix}.Value"), value)
        })
    })
}
