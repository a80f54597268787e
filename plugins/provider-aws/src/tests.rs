//! The adapter against scripted answers: what it sends, and what it makes of what
//! goes wrong. Against a whole EC2 it is tested by the host, with moto.
#![allow(clippy::unwrap_used, clippy::panic)]

mod machines;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use provider_kit::{
    Failure, HttpError, Label, Order, Response, State,
    ssh::HostKey,
    testing::{Scripted, answer, any, table},
    text::digest,
};

use crate::{Aws, settings::Settings};

const TYPES: &str = "<R><instanceTypeSet>\
    <item><instanceType>g5.xlarge</instanceType><hypervisor>nitro</hypervisor>\
    <processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures><manufacturer>AMD</manufacturer></processorInfo>\
    <vCpuInfo><defaultVCpus>4</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>16384</sizeInMiB></memoryInfo>\
    <gpuInfo><gpus><item><name>A10G</name><manufacturer>NVIDIA</manufacturer><count>1</count><memoryInfo><sizeInMiB>22888</sizeInMiB></memoryInfo></item></gpus></gpuInfo></item>\
    <item><instanceType>p3.2xlarge</instanceType><hypervisor>xen</hypervisor>\
    <processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures></processorInfo>\
    <vCpuInfo><defaultVCpus>8</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>1</sizeInMiB></memoryInfo></item>\
    </instanceTypeSet></R>";
const NONE: &str = "<R><reservationSet/></R>";
const GROUP: &str = "<R><securityGroupInfo><item><groupId>sg-1</groupId><ipPermissions><item><fromPort>22</fromPort><toPort>22</toPort></item></ipPermissions></item></securityGroupInfo></R>";
const LAUNCHED: &str = "<R><instancesSet><item><instanceId>i-1</instanceId><instanceState><name>pending</name></instanceState><tagSet>\
    <item><key>compute-subnet-order</key><value>k1</value></item></tagSet></item></instancesSet></R>";

/// What answers one action.
type Answers = BTreeMap<&'static str, Result<(u16, String), HttpError>>;

struct Stage {
    outside: Scripted,
    answers: Rc<RefCell<Answers>>,
    settings: Settings,
}

impl Stage {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(more: &[(&str, &str)]) -> Self {
        let mut pairs = vec![
            ("instance-types", "g5.xlarge,p3.2xlarge"),
            ("prices.us-east-1.g5.xlarge", "1006000"),
            ("prices.us-east-1.p3.2xlarge", "3060000"),
        ];
        pairs.extend(more);
        let good = [
            ("DescribeInstanceTypes", TYPES),
            ("DescribeInstances", NONE),
            (
                "DescribeVpcs",
                "<R><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></R>",
            ),
            ("DescribeSecurityGroups", GROUP),
            ("RunInstances", LAUNCHED),
            ("CreateTags", "<R/>"),
            ("TerminateInstances", "<R/>"),
        ];
        let good = good.map(|(action, text)| (action, Ok((200, text.to_owned()))));
        let answers = Rc::new(RefCell::new(Answers::from(good)));
        let asked = answers.clone();
        let outside = Scripted::by(move |request| {
            let action = form(&request.body)["Action"].clone();
            let (status, text) = asked.borrow().get(action.as_str()).cloned().unwrap()?;
            Ok::<Response, _>(answer(status, &text))
        });
        Self {
            outside,
            answers,
            settings: Settings::read(&table(&pairs)).unwrap(),
        }
    }

    fn adapter(&self) -> Aws<'_> {
        Aws::new(&self.settings, &self.outside)
    }

    fn answers(&self, action: &'static str, status: u16, text: &str) {
        self.answers
            .borrow_mut()
            .insert(action, Ok((status, text.to_owned())));
    }

    fn refuses(&self, action: &'static str, status: u16, code: &str) {
        self.answers(
            action,
            status,
            &format!("<R><Errors><Error><Code>{code}</Code></Error></Errors></R>"),
        );
    }

    /// The fields of every request of this action.
    fn sent(&self, action: &str) -> Vec<BTreeMap<String, String>> {
        let sent = self.outside.sent.borrow();
        let forms = sent.iter().map(|request| form(&request.body));
        forms.filter(|form| form["Action"] == action).collect()
    }
}

fn form(body: &[u8]) -> BTreeMap<String, String> {
    let body = std::str::from_utf8(body).unwrap();
    let pairs = body.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

fn order() -> Order {
    Order {
        key: "k1".into(),
        offer_id: "us-east-1/g5.xlarge/on-demand".into(),
        image: None,
        ssh_public_key: HostKey::new(&[3; 32]).public,
        disk_mib: 1_024,
        price_micro_usd_per_hour_max: 1_100_000,
        ends_at: 1_795_340_000,
        labels: vec![Label {
            name: "uid".into(),
            value: "7".into(),
        }],
    }
}

#[test]
fn what_has_a_price_and_is_built_on_nitro_is_offered() {
    let offers = Stage::new().adapter().offers(&any()).unwrap();
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0].id, "us-east-1/g5.xlarge/on-demand");
    assert_eq!(offers[0].price_micro_usd_per_hour, 1_022_000);
    let hardware = &offers[0].hardware;
    assert_eq!(hardware.gpus[0].model, "NVIDIA A10G");
    assert_eq!(
        (hardware.cpu_threads, hardware.memory_mib, hardware.disk_mib),
        (4, 16_384, 102_400)
    );
}

#[test]
fn a_spot_price_is_that_of_each_zone_and_ec2_holds_the_limit() {
    let stage = Stage::with(&[("market", "spot")]);
    let price = |zone: &str, price: &str| {
        format!(
            "<item><instanceType>g5.xlarge</instanceType><availabilityZone>{zone}</availabilityZone><spotPrice>{price}</spotPrice></item>"
        )
    };
    let items = [
        price("a", "0.5"),
        price("b", "0.4"),
        price("a", "0.9"),
        price("c", "much"),
    ]
    .concat();
    let history =
        |items: &str| format!("<R><spotPriceHistorySet>{items}</spotPriceHistorySet></R>");
    stage.answers("DescribeSpotPriceHistory", 200, &history(&items));
    let offers = stage.adapter().offers(&any()).unwrap();
    let prices: Vec<_> = offers
        .iter()
        .map(|offer| (offer.id.as_str(), offer.price_micro_usd_per_hour))
        .collect();
    assert_eq!(
        prices,
        [
            ("us-east-1/g5.xlarge/spot/b", 416_000),
            ("us-east-1/g5.xlarge/spot/a", 516_000)
        ]
    );
    assert!(offers[0].interruptible);
    let order = Order {
        offer_id: offers[0].id.clone(),
        price_micro_usd_per_hour_max: 450_000,
        ..order()
    };
    stage.adapter().provision(&order).unwrap();
    let sent = &stage.sent("RunInstances")[0];
    assert_eq!(
        sent["InstanceMarketOptions.SpotOptions.MaxPrice"],
        "0.434000"
    );
    assert_eq!(sent["Placement.AvailabilityZone"], "b");
    stage.refuses("RunInstances", 400, "SpotMaxPriceTooLow");
    assert_eq!(
        stage.adapter().provision(&order),
        Err(Failure::PriceRose(416_000))
    );
}

#[test]
fn an_order_is_tagged_tokened_and_ends_by_itself() {
    let stage = Stage::new();
    let machine = stage.adapter().provision(&order()).unwrap();
    assert_eq!(
        (machine.id.as_str(), machine.state),
        ("us-east-1/i-1", State::Starting)
    );
    let sent = &stage.sent("RunInstances")[0];
    assert_eq!(sent["ClientToken"], digest("k1"));
    assert!(sent["ClientToken"].len() <= 64);
    assert_eq!(sent["InstanceInitiatedShutdownBehavior"], "terminate");
    assert_eq!(sent["MetadataOptions.InstanceMetadataTags"], "enabled");
    assert_eq!(sent["MetadataOptions.HttpTokens"], "required");
    assert_eq!(sent["NetworkInterface.1.SecurityGroupId.1"], "sg-1");
    assert!(sent["ImageId"].contains("deeplearning"));
    for kind in ["1", "2"] {
        let tag = |at: usize| {
            let part =
                |part: &str| sent[&format!("TagSpecification.{kind}.Tag.{at}.{part}")].clone();
            (part("Key"), part("Value"))
        };
        assert_eq!(tag(2), ("compute-subnet-order".into(), "k1".into()));
        assert_eq!(
            tag(3),
            ("compute-subnet-ends-at".into(), "1795340000".into())
        );
        assert_eq!(tag(8), ("compute-subnet-label.uid".into(), "7".into()));
    }
    assert!(
        !sent.keys().any(|key| key.starts_with("KeyName")),
        "no key pair stays in the account"
    );
}

#[test]
fn an_order_looks_first_and_nothing_is_bought_where_one_cannot_look() {
    let stage = Stage::new();
    let found = LAUNCHED
        .replace("<R>", "<R><reservationSet><item>")
        .replace("</R>", "</item></reservationSet></R>");
    stage.answers("DescribeInstances", 200, &found);
    assert_eq!(
        stage
            .adapter()
            .provision(&order())
            .unwrap()
            .order_key
            .as_deref(),
        Some("k1")
    );
    let looked = &stage.sent("DescribeInstances")[0];
    assert_eq!(
        (
            looked["Filter.1.Name"].as_str(),
            looked["Filter.1.Value.1"].as_str()
        ),
        ("tag:compute-subnet-order", "k1")
    );
    for text in ["", "<R><reservationSet>", "{}"] {
        stage.answers("DescribeInstances", 200, text);
        assert!(
            matches!(
                stage.adapter().provision(&order()),
                Err(Failure::Upstream(_))
            ),
            "{text}"
        );
    }
    stage.refuses("DescribeInstances", 503, "RequestLimitExceeded");
    assert_eq!(
        stage.adapter().provision(&order()),
        Err(Failure::Busy(10_000))
    );
    assert!(stage.sent("RunInstances").is_empty());
}

#[test]
fn one_that_lives_is_found_before_one_that_is_gone() {
    let machine = |id: &str, state: &str| {
        format!(
            "<item><instancesSet><item><instanceId>{id}</instanceId><instanceState><name>{state}</name></instanceState></item></instancesSet></item>"
        )
    };
    let stage = Stage::new();
    let both = [machine("i-1", "terminated"), machine("i-2", "pending")].concat();
    stage.answers(
        "DescribeInstances",
        200,
        &format!("<R><reservationSet>{both}</reservationSet></R>"),
    );
    assert_eq!(
        stage.adapter().provision(&order()).unwrap().id,
        "us-east-1/i-2"
    );
}

#[test]
fn whatever_ec2_does_not_clearly_refuse_may_have_been_bought() {
    let stage = Stage::new();
    for error in [
        HttpError::TimedOut,
        HttpError::TooLarge,
        HttpError::Unreachable("reset".into()),
    ] {
        stage
            .answers
            .borrow_mut()
            .insert("RunInstances", Err(error));
        assert!(matches!(
            stage.adapter().provision(&order()),
            Err(Failure::Upstream(_))
        ));
    }
    for text in ["", "<R/>", "<R><instancesSet><item/></instancesSet></R>"] {
        stage.answers("RunInstances", 200, text);
        assert!(
            matches!(
                stage.adapter().provision(&order()),
                Err(Failure::Upstream(_))
            ),
            "{text}"
        );
    }
    for (status, code) in [
        (500, "InternalError"),
        (503, "Unavailable"),
        (400, "IdempotentParameterMismatch"),
    ] {
        stage.refuses("RunInstances", status, code);
        assert!(
            matches!(
                stage.adapter().provision(&order()),
                Err(Failure::Upstream(_))
            ),
            "{code}"
        );
    }
    stage.refuses("RunInstances", 500, "InsufficientInstanceCapacity");
    assert_eq!(
        stage.adapter().provision(&order()),
        Err(Failure::NoCapacity)
    );
    stage.refuses("RunInstances", 400, "VcpuLimitExceeded");
    assert!(matches!(
        stage.adapter().provision(&order()),
        Err(Failure::Account(_))
    ));
}

#[test]
fn a_price_that_rose_buys_nothing() {
    let stage = Stage::new();
    let order = Order {
        price_micro_usd_per_hour_max: 1_021_999,
        ..order()
    };
    assert_eq!(
        stage.adapter().provision(&order),
        Err(Failure::PriceRose(1_022_000))
    );
    assert!(stage.sent("RunInstances").is_empty());
}

#[test]
fn what_cannot_be_ordered_is_refused_before_anything_is_sent() {
    let stage = Stage::new();
    for order in [
        Order {
            image: Some("a@sha256:b".into()),
            ..order()
        },
        Order {
            disk_mib: 999_999_999,
            ..order()
        },
        Order {
            ssh_public_key: "command=\"x\" ssh-ed25519 A".into(),
            ..order()
        },
        Order {
            key: "two words".into(),
            ..order()
        },
    ] {
        assert!(matches!(
            stage.adapter().provision(&order),
            Err(Failure::Unsupported(_))
        ));
    }
    assert!(stage.outside.sent.borrow().is_empty());
    let strange = Order {
        offer_id: "eu-west-1/g5.xlarge/on-demand".into(),
        ..order()
    };
    assert!(matches!(
        stage.adapter().provision(&strange),
        Err(Failure::Unsupported(_))
    ));
}

#[test]
fn the_group_is_made_once_and_opened_if_it_is_not() {
    let stage = Stage::new();
    stage.answers("DescribeSecurityGroups", 200, "<R><securityGroupInfo/></R>");
    stage.answers("CreateSecurityGroup", 200, "<R><groupId>sg-2</groupId></R>");
    stage.answers("AuthorizeSecurityGroupIngress", 200, "<R/>");
    stage.adapter().provision(&order()).unwrap();
    assert_eq!(
        stage.sent("RunInstances")[0]["NetworkInterface.1.SecurityGroupId.1"],
        "sg-2"
    );
    let opened = &stage.sent("AuthorizeSecurityGroupIngress")[0];
    assert_eq!(
        (
            opened["GroupId"].as_str(),
            opened["IpPermissions.1.FromPort"].as_str()
        ),
        ("sg-2", "22")
    );
    stage.refuses("CreateSecurityGroup", 400, "InvalidGroup.Duplicate");
    assert_eq!(
        stage.adapter().provision(&order()),
        Err(Failure::Busy(1_000))
    );
    stage.answers(
        "DescribeSecurityGroups",
        200,
        "<R><securityGroupInfo><item><groupId>sg-3</groupId></item></securityGroupInfo></R>",
    );
    stage.refuses(
        "AuthorizeSecurityGroupIngress",
        400,
        "InvalidPermission.Duplicate",
    );
    assert!(stage.adapter().provision(&order()).is_ok());
    stage.answers("DescribeVpcs", 200, "<R><vpcSet/></R>");
    assert!(matches!(
        stage.adapter().provision(&order()),
        Err(Failure::Account(_))
    ));
}
