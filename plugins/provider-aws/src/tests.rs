//! The adapter against scripted answers: what it sends, and what it makes of what
//! goes wrong. Against a whole EC2 it is tested by the host, with moto.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use provider_kit::{
    Failure, HttpError, Label, Order, Query, Response, State,
    ssh::HostKey,
    testing::{Scripted, answer},
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
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect();
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
            settings: Settings::read(&pairs).unwrap(),
        }
    }

    fn adapter(&self) -> Aws<'_> {
        Aws {
            settings: &self.settings,
            outside: &self.outside,
        }
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

fn any() -> Query {
    Query {
        gpu_model: None,
        gpu_count: None,
        gpu_memory_mib: None,
        region: None,
        price_micro_usd_per_hour_max: None,
        labels: vec![],
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

/// A machine as `DescribeInstances` gives it.
fn described(state: &str, tags: &[(&str, &str)]) -> String {
    let tags: String = tags
        .iter()
        .map(|(key, value)| format!("<item><key>{key}</key><value>{value}</value></item>"))
        .collect();
    format!(
        "<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><ipAddress>198.51.100.2</ipAddress>\
         <instanceState><name>{state}</name></instanceState><tagSet>{tags}</tagSet></item></instancesSet></item></reservationSet></R>"
    )
}

#[test]
fn a_machine_is_what_its_tags_say() {
    let stage = Stage::new();
    let tags = [
        ("compute-subnet-order", "k1"),
        ("compute-subnet-ends-at", "99"),
        ("compute-subnet-price", "1022000"),
        ("compute-subnet-size", "4/16384/102400"),
        ("compute-subnet-gpu", "1/22888/NVIDIA A10G"),
        ("compute-subnet-host-key", "ssh-ed25519 AAAA"),
        ("compute-subnet-label.uid", "7"),
    ];
    stage.answers("DescribeInstances", 200, &described("running", &tags));
    let machine = stage.adapter().inspect("us-east-1/i-1").unwrap();
    assert_eq!(
        (
            machine.state,
            machine.ends_at,
            machine.price_micro_usd_per_hour
        ),
        (State::Running, Some(99), 1_022_000)
    );
    assert_eq!(machine.hardware.gpus[0].model, "NVIDIA A10G");
    assert_eq!(
        (machine.hardware.cpu_threads, machine.hardware.disk_mib),
        (4, 102_400)
    );
    let ssh = machine.ssh.unwrap();
    assert_eq!(
        (ssh.host.as_str(), ssh.host_key.as_deref()),
        ("198.51.100.2", Some("ssh-ed25519 AAAA"))
    );
    assert_eq!(
        machine.labels,
        [Label {
            name: "uid".into(),
            value: "7".into()
        }]
    );
    let nonsense = [
        ("compute-subnet-size", "4/x"),
        ("compute-subnet-gpu", "one"),
        ("compute-subnet-price", "-"),
    ];
    stage.answers("DescribeInstances", 200, &described("stopped", &nonsense));
    let machine = stage.adapter().inspect("us-east-1/i-1").unwrap();
    assert_eq!(
        (machine.state, machine.ssh, machine.price_micro_usd_per_hour),
        (State::Failed, None, 0)
    );
}

#[test]
fn an_end_is_moved_by_its_tag() {
    let stage = Stage::new();
    let tags = [
        ("compute-subnet-order", "k1"),
        ("compute-subnet-ends-at", "99"),
    ];
    stage.answers("DescribeInstances", 200, &described("running", &tags));
    assert_eq!(
        stage
            .adapter()
            .extend("us-east-1/i-1", 500)
            .unwrap()
            .ends_at,
        Some(500)
    );
    let sent = &stage.sent("CreateTags")[0];
    assert_eq!(
        (sent["ResourceId.1"].as_str(), sent["Tag.1.Value"].as_str()),
        ("i-1", "500")
    );
    stage.answers("DescribeInstances", 200, &described("terminated", &tags));
    assert_eq!(
        stage.adapter().extend("us-east-1/i-1", 500),
        Err(Failure::NotFound)
    );
    stage.answers("DescribeInstances", 200, &described("running", &[]));
    assert!(matches!(
        stage.adapter().extend("us-east-1/i-1", 500),
        Err(Failure::Unsupported(_))
    ));
    assert_eq!(stage.sent("CreateTags").len(), 1);
}

#[test]
fn ending_what_is_gone_succeeds_and_inspecting_it_does_not() {
    let stage = Stage::new();
    assert_eq!(stage.adapter().terminate("us-east-1/i-1"), Ok(()));
    stage.refuses("TerminateInstances", 400, "InvalidInstanceID.NotFound");
    assert_eq!(stage.adapter().terminate("us-east-1/i-1"), Ok(()));
    stage.refuses("DescribeInstances", 400, "InvalidInstanceID.NotFound");
    assert_eq!(
        stage.adapter().inspect("us-east-1/i-1"),
        Err(Failure::NotFound)
    );
    stage.refuses("TerminateInstances", 500, "InternalError");
    assert!(matches!(
        stage.adapter().terminate("us-east-1/i-1"),
        Err(Failure::Upstream(_))
    ));
}

#[test]
fn an_id_that_is_none_reaches_nobody() {
    let stage = Stage::new();
    for id in [
        "",
        "i-1",
        "/i-1",
        "evil.example/#/i-1",
        "us-east-1/",
        "us-east-1/i-1/x",
        "us-east-1/i 1",
    ] {
        assert_eq!(stage.adapter().inspect(id), Err(Failure::NotFound), "{id}");
        assert_eq!(stage.adapter().terminate(id), Ok(()), "{id}");
    }
    assert!(stage.outside.sent.borrow().is_empty());
}

#[test]
fn pages_are_followed_and_not_for_ever() {
    let stage = Stage::new();
    let page = described("running", &[]).replace("</R>", "<nextToken>more</nextToken></R>");
    stage.answers("DescribeInstances", 200, &page);
    assert!(matches!(
        stage.adapter().instances(),
        Err(Failure::Unsupported(_))
    ));
    let sent = stage.sent("DescribeInstances");
    assert_eq!((sent.len(), sent[1]["NextToken"].as_str()), (8, "more"));
}
