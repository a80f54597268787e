//! Asks the machine for everything there is to ask, and says what it was told.

use crate::{
    bindings::{
        compute::subnet::{
            machine::{self, Share, Workload},
            types::Label,
        },
        exports::compute::subnet::provider::Offer,
    },
    offer,
};

/// Each function's name and answer are a label.
pub(crate) fn told() -> Offer {
    let workload = Workload {
        name: "a-workload".to_owned(),
        image: "an-image".to_owned(),
        share: Share {
            gpu_count: 0,
            cpu_threads: 1,
            memory_mib: 1,
            disk_mib: 1,
        },
        ssh_public_key: "ssh-ed25519 AAAA".to_owned(),
        ends_at: 1,
        labels: Vec::new(),
    };
    let told = [
        ("inventory", format!("{:?}", machine::inventory())),
        ("free", format!("{:?}", machine::free())),
        ("images", format!("{:?}", machine::images())),
        ("launch", format!("{:?}", machine::launch(&workload))),
        ("workloads", format!("{:?}", machine::workloads())),
        ("extend", format!("{:?}", machine::extend("a-workload", 2))),
        ("stop", format!("{:?}", machine::stop("a-workload"))),
    ];
    let labels = told.map(|(name, value)| Label {
        name: name.to_owned(),
        value,
    });
    Offer {
        labels: labels.into(),
        ..offer("machine")
    }
}
