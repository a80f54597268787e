//! Every way in which an adapter's answer can be none.
#![allow(clippy::unwrap_used)]

use super::*;

fn machine() -> types::Hardware {
    types::Hardware {
        gpus: vec![types::Gpu {
            model: "NVIDIA H100 80GB HBM3".into(),
            count: 8,
            memory_mib: 81_559,
            uuids: vec![],
        }],
        cpu_model: "x".into(),
        cpu_threads: 8,
        memory_mib: 1_024,
        disk_mib: 1_024,
        labels: vec![],
    }
}

fn an_offer(id: &str) -> wit::Offer {
    wit::Offer {
        id: id.into(),
        hardware: machine(),
        region: "us-east-1".into(),
        price_micro_usd_per_hour: 1,
        interruptible: false,
        labels: vec![],
    }
}

fn an_instance(id: &str, key: Option<&str>) -> wit::Instance {
    wit::Instance {
        id: id.into(),
        order_key: key.map(str::to_owned),
        state: wit::State::Running,
        hardware: machine(),
        price_micro_usd_per_hour: 10,
        ssh: Some(endpoint()),
        ends_at: None,
        labels: vec![],
    }
}

fn endpoint() -> wit::SshEndpoint {
    wit::SshEndpoint {
        host: "2001:db8::1".into(),
        port: 22,
        user: "ubuntu".into(),
        host_key: None,
    }
}

fn order() -> Order {
    Order {
        key: "k-1".into(),
        offer_id: "o".into(),
        image: None,
        ssh_public_key: "ssh-ed25519 AAAA".into(),
        disk_mib: 1,
        price_micro_usd_per_hour_max: 10,
        ends_at: 1,
        labels: vec![],
    }
}

fn refused<T: std::fmt::Debug>(checked: Checked<T>) -> String {
    match checked.unwrap_err() {
        PluginError::BrokeContract(how) => how,
        other => other.to_string(),
    }
}

fn with(change: impl FnOnce(&mut wit::Offer)) -> Checked<Vec<Offer>> {
    let mut offer = an_offer("a");
    change(&mut offer);
    offers(vec![offer])
}

#[test]
fn an_offer_without_an_id_of_its_own_is_none() {
    assert!(offers(vec![an_offer("a"), an_offer("b")]).is_ok());
    assert!(refused(offers(vec![an_offer("a"), an_offer("a")])).contains("two offers"));
    for id in ["", "a\nb", "\u{1b}[2J", &"x".repeat(ID_BYTES_MAX + 1)] {
        assert!(refused(offers(vec![an_offer(id)])).contains("the id of an offer"));
    }
}

#[test]
fn more_of_anything_than_there_may_be_is_refused() {
    let many = (0..=OFFERS_MAX).map(|number| an_offer(&number.to_string()));
    assert!(refused(offers(many.collect())).contains("4097 offers"));
    let many = (0..=INSTANCES_MAX).map(|number| an_instance(&number.to_string(), None));
    assert!(refused(instances(many.collect())).contains("4097 instances"));
    let label = types::Label {
        name: "n".into(),
        value: "v".into(),
    };
    let many = vec![label; LABELS_MAX + 1];
    assert!(refused(with(|offer| offer.labels = many)).contains("65 labels"));
    let gpus = vec![machine().gpus.remove(0); GPUS_MAX + 1];
    assert!(refused(with(|offer| offer.hardware.gpus = gpus)).contains("17 kinds"));
    let uuids = vec![String::new(); UUIDS_MAX + 1];
    assert!(refused(with(|offer| offer.hardware.gpus[0].uuids = uuids)).contains("65 uuids"));
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    assert!(refused(with(|offer| offer.region = long)).contains("1025 bytes"));
}

#[test]
fn a_price_that_nobody_pays_is_refused() {
    let price = PRICE_MICRO_USD_PER_HOUR_MAX + 1;
    assert!(refused(with(|offer| offer.price_micro_usd_per_hour = price)).contains("a price"));
}

#[test]
fn what_a_terminal_would_obey_is_escaped_and_what_it_would_not_stays() {
    let long = "ü".repeat(400);
    let checked = with(|offer| {
        offer.region = "\u{1b}[2Jus".into();
        offer.hardware.cpu_model.clone_from(&long);
    });
    let offer = checked.unwrap().remove(0);
    assert_eq!(offer.region, "\\u{1b}[2Jus");
    assert_eq!(offer.hardware.cpu_model, long);
}

#[test]
fn an_order_is_filled_under_its_own_key_and_price_or_not_at_all() {
    assert!(provisioned(an_instance("i", Some("k-1")), &order()).is_ok());
    for key in [None, Some("k-2")] {
        assert!(refused(provisioned(an_instance("i", key), &order())).contains("k-1"));
    }
    let mut dear = an_instance("i", Some("k-1"));
    dear.price_micro_usd_per_hour = 11;
    assert!(refused(provisioned(dear, &order())).contains("11 micro-USD"));
}

#[test]
fn an_answer_is_about_the_instance_that_was_asked_for() {
    assert!(same(an_instance("i", None), "i").is_ok());
    assert!(refused(same(an_instance("j", None), "i")).contains("`i` was asked for"));
}

#[test]
fn a_place_to_log_in_is_one() {
    let with = |change: fn(&mut wit::SshEndpoint)| {
        let mut given = endpoint();
        change(&mut given);
        ssh(given)
    };
    assert!(with(|_| {}).is_ok());
    for wrong in [
        (|ssh| ssh.port = 0) as fn(&mut wit::SshEndpoint),
        |ssh| ssh.host = "-oProxyCommand=x".into(),
        |ssh| ssh.host = "a b".into(),
        |ssh| ssh.host = String::new(),
        |ssh| ssh.user = "-l".into(),
        |ssh| ssh.user = "root;id".into(),
        |ssh| ssh.host_key = Some("ssh-ed25519 A\nssh-ed25519 B".into()),
        |ssh| ssh.host_key = Some("x".repeat(HOST_KEY_BYTES_MAX + 1)),
    ] {
        refused(with(wrong));
    }
}

#[test]
fn a_want_cannot_end_the_text_it_is_printed_in() {
    let origin = |text: &str| wants(vec![wit::Want::HttpOrigin(text.into())]);
    assert!(origin("https://rest.runpod.io").is_ok());
    assert!(origin("http://[::1]:4510").is_ok());
    for wrong in [
        "",
        "https://a\"]\nx = 1",
        "https://a\\",
        "https://A",
        "https://a b",
    ] {
        refused(origin(wrong));
    }
    refused(wants(vec![wit::Want::Credential("../x".into())]));
    refused(wants(vec![wit::Want::Machine; WANTS_MAX + 1]));
    assert_eq!(wants(vec![wit::Want::Machine; 2]), Ok(vec![Want::Machine]));
}

proptest::proptest! {
    #[test]
    fn no_text_of_an_adapter_reaches_a_terminal_unescaped(text: String) {
        if let Ok(offers) = with(|offer| offer.region = text.clone()) {
            proptest::prop_assert!(is_plain(&offers[0].region));
        }
        if let ProviderError::Upstream(words) = failure(wit::Failure::Upstream(text)) {
            proptest::prop_assert!(is_plain(&words));
        }
    }
}
