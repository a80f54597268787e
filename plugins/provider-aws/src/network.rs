//! The security group that machines are started in.

use provider_kit::{Failure, xml};

use crate::ec2::{Ec2, Form};

const PORT: &str = "22";

impl Ec2<'_> {
    /// The id of the group, which is made where there is none. A group that was
    /// there before is taken as it is, but for port 22, which is opened if it is not:
    /// whoever made it, or a crash right after making it, may have left that out.
    pub(crate) fn security_group(&self) -> Result<String, Failure> {
        let network = self.network()?;
        let (group, open) = match self.group(&network)? {
            Some(found) => found,
            None => (self.make_group(&network)?, false),
        };
        if !open {
            self.open(&group)?;
        }
        Ok(group)
    }

    /// The network of the operator's subnet, else the region's default.
    fn network(&self) -> Result<String, Failure> {
        let (action, form, list) = match self.settings.subnets.get(self.region) {
            Some(subnet) => (
                "DescribeSubnets",
                Form::default().set("SubnetId.1", subnet),
                "subnetSet",
            ),
            None => (
                "DescribeVpcs",
                Form::default().filter(1, "is-default", &["true"]),
                "vpcSet",
            ),
        };
        let text = self.ask(action, &form)?;
        let document = xml::read(&text)?;
        let found = xml::items(document.root_element(), &[list])
            .find_map(|item| xml::text(item, &["vpcId"]));
        found.map(str::to_owned).ok_or_else(|| {
            Failure::Account(format!(
                "{region} has no default network; set subnets.{region} of provider-aws",
                region = self.region
            ))
        })
    }

    /// The group's id, and whether port 22 is open.
    fn group(&self, network: &str) -> Result<Option<(String, bool)>, Failure> {
        let form = Form::default()
            .filter(1, "group-name", &[&self.settings.security_group])
            .filter(2, "vpc-id", &[network]);
        let text = self.ask("DescribeSecurityGroups", &form)?;
        let document = xml::read(&text)?;
        let mut groups = xml::items(document.root_element(), &["securityGroupInfo"]);
        let Some(group) = groups.next() else {
            return Ok(None);
        };
        let open = xml::items(group, &["ipPermissions"]).any(|rule| {
            let port = |name: &str| xml::text(rule, &[name]) == Some(PORT);
            port("fromPort") && port("toPort")
        });
        let id = xml::text(group, &["groupId"]).map(str::to_owned);
        let id = id.ok_or_else(|| Failure::Upstream("a security group without an id".into()))?;
        Ok(Some((id, open)))
    }

    fn make_group(&self, network: &str) -> Result<String, Failure> {
        let form = Form::default()
            .set("GroupName", &self.settings.security_group)
            .set("GroupDescription", "Rented machines: SSH and nothing else")
            .set("VpcId", network);
        let text = match self.act("CreateSecurityGroup", &form) {
            // Two orders at once.
            Err(refused) if refused.code == "InvalidGroup.Duplicate" => {
                let found = self.group(network)?;
                return found.map(|(id, _)| id).ok_or(Failure::Busy(1_000));
            }
            other => other?,
        };
        let document = xml::read(&text)?;
        let id = xml::text(document.root_element(), &["groupId"]);
        id.map(str::to_owned)
            .ok_or_else(|| Failure::Upstream("a security group without an id".into()))
    }

    fn open(&self, group: &str) -> Result<(), Failure> {
        let form = Form::default()
            .set("GroupId", group)
            .set("IpPermissions.1.IpProtocol", "tcp")
            .set("IpPermissions.1.FromPort", PORT)
            .set("IpPermissions.1.ToPort", PORT)
            .set("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0");
        match self.act("AuthorizeSecurityGroupIngress", &form) {
            Err(refused) if refused.code == "InvalidPermission.Duplicate" => Ok(()),
            other => other.map(|_| ()).map_err(Failure::from),
        }
    }
}
