//! Machines: found again, inspected, extended, ended.

use provider_kit::{Failure, Instance, ORDER_TAG, State, xml};

use crate::{
    Aws,
    ec2::{Ec2, Form},
    tags::{self, ENDS_AT_TAG},
};

/// The most instances that a host takes from one adapter.
const INSTANCES_MAX: usize = 4_096;
const PAGE: &str = "1000";
const PAGES_MAX: usize = 8;

impl Aws<'_> {
    /// The machine of an order, wherever it is: one that lives before one that is
    /// gone, which EC2 shows for about an hour.
    pub(crate) fn ordered(&self, key: &str) -> Result<Option<Instance>, Failure> {
        let mut found = Vec::new();
        for region in self.regions() {
            found.extend(region.list(&Form::default().filter(
                1,
                &format!("tag:{ORDER_TAG}"),
                &[key],
            ))?);
        }
        found.sort_by_key(|machine| machine.state == State::Terminated);
        Ok(found.into_iter().next())
    }

    /// Those with an order's tag: what else the account has is none of our business.
    pub(crate) fn instances(&self) -> Result<Vec<Instance>, Failure> {
        let mut all = Vec::new();
        for region in self.regions() {
            let form = Form::default().filter(1, "tag-key", &[ORDER_TAG]);
            let form = form.set("MaxResults", PAGE);
            all.extend(region.list(&form)?);
        }
        if all.len() > INSTANCES_MAX {
            // Better none than some: what is missing would look as if it were gone.
            return Err(Failure::Unsupported(format!(
                "{} machines; the node takes {INSTANCES_MAX}",
                all.len()
            )));
        }
        Ok(all)
    }

    pub(crate) fn inspect(&self, id: &str) -> Result<Instance, Failure> {
        let (region, machine) = self.locate(id)?;
        region.one(machine)
    }

    /// Writes the tag that the machine's timer reads.
    pub(crate) fn extend(&self, id: &str, ends_at: u64) -> Result<Instance, Failure> {
        let (region, machine) = self.locate(id)?;
        let found = region.one(machine)?;
        match found.state {
            State::Stopping | State::Terminated => return Err(Failure::NotFound),
            _ if found.ends_at.is_none() => {
                return Err(Failure::Unsupported(format!(
                    "{id} was not ordered with an end"
                )));
            }
            _ => {}
        }
        let form = Form::default()
            .set("ResourceId.1", machine)
            .set("Tag.1.Key", ENDS_AT_TAG)
            .set("Tag.1.Value", &ends_at.to_string());
        region.act("CreateTags", &form)?;
        // What was written, whatever an answer from another of EC2's servers says.
        Ok(Instance {
            ends_at: Some(ends_at),
            ..found
        })
    }

    pub(crate) fn terminate(&self, id: &str) -> Result<(), Failure> {
        let (region, machine) = match self.locate(id) {
            Err(Failure::NotFound) => return Ok(()),
            other => other?,
        };
        let form = Form::default().set("InstanceId.1", machine);
        let ended = region.act("TerminateInstances", &form);
        match ended.map_err(Failure::from) {
            Ok(_) | Err(Failure::NotFound) => Ok(()),
            // What goes with a machine may be gone before it is forgotten.
            Err(Failure::Unsupported(why)) => match region.one(machine) {
                Ok(found) if found.state == State::Terminated => Ok(()),
                _ => Err(Failure::Unsupported(why)),
            },
            Err(failure) => Err(failure),
        }
    }

    /// `us-east-1/i-0123456789abcdef0`, in any region: the settings may have changed.
    fn locate<'b>(&'b self, id: &'b str) -> Result<(Ec2<'b>, &'b str), Failure> {
        let (region, machine) = id.split_once('/').ok_or(Failure::NotFound)?;
        let plain = |text: &str| {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
        };
        if !plain(region) || !plain(machine) {
            return Err(Failure::NotFound);
        }
        Ok((self.region(region), machine))
    }
}

impl Ec2<'_> {
    fn one(&self, machine: &str) -> Result<Instance, Failure> {
        let found = self.list(&Form::default().set("InstanceId.1", machine))?;
        found.into_iter().next().ok_or(Failure::NotFound)
    }

    fn list(&self, form: &Form) -> Result<Vec<Instance>, Failure> {
        let mut machines = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = match &next {
                None => self.ask("DescribeInstances", form),
                Some(token) => self.ask("DescribeInstances", &form.and("NextToken", token)),
            };
            let text = page?;
            let document = xml::read(&text)?;
            let root = document.root_element();
            let reservations = xml::items(root, &["reservationSet"]);
            let found =
                reservations.flat_map(|reservation| xml::items(reservation, &["instancesSet"]));
            machines.extend(
                found.filter_map(|machine| tags::read(machine, self.region, &self.settings.login)),
            );
            next = xml::text(root, &["nextToken"]).map(str::to_owned);
            if next.is_none() {
                return Ok(machines);
            }
        }
        Err(Failure::Unsupported(format!(
            "more than {PAGES_MAX} pages of machines in {}",
            self.region
        )))
    }
}
