//! What a provider adapter hands over, in bytes: its texts, and each element of
//! a list at its size here, as of the other worlds.

use super::bindings::compute::subnet::http;
use super::bindings::compute::subnet::machine;
use super::bindings::compute::subnet::types::{Gpu, Hardware, Label};
use super::bindings::exports::compute::subnet::provider::{Failure, Instance, Offer, SshEndpoint};

/// Something that crosses from a guest to the host.
pub(super) trait Size {
    fn size_bytes(&self) -> usize;
}

impl<T: Size> Size for [T] {
    fn size_bytes(&self) -> usize {
        size_of_val(self) + self.iter().map(Size::size_bytes).sum::<usize>()
    }
}

impl<T: Size> Size for Vec<T> {
    fn size_bytes(&self) -> usize {
        self.as_slice().size_bytes()
    }
}

impl<T: Size> Size for Option<T> {
    fn size_bytes(&self) -> usize {
        self.as_ref().map_or(0, Size::size_bytes)
    }
}

impl<T: Size, E: Size> Size for Result<T, E> {
    fn size_bytes(&self) -> usize {
        match self {
            Ok(value) => value.size_bytes(),
            Err(error) => error.size_bytes(),
        }
    }
}

impl Size for () {
    fn size_bytes(&self) -> usize {
        0
    }
}

impl Size for String {
    fn size_bytes(&self) -> usize {
        self.len()
    }
}

impl Size for Label {
    fn size_bytes(&self) -> usize {
        self.name.len() + self.value.len()
    }
}

impl Size for Gpu {
    fn size_bytes(&self) -> usize {
        self.model.len() + self.uuids.size_bytes()
    }
}

impl Size for Hardware {
    fn size_bytes(&self) -> usize {
        self.gpus.size_bytes() + self.cpu_model.len() + self.labels.size_bytes()
    }
}

impl Size for Offer {
    fn size_bytes(&self) -> usize {
        let texts = self.id.len() + self.region.len();
        texts + self.hardware.size_bytes() + self.labels.size_bytes()
    }
}

impl Size for SshEndpoint {
    fn size_bytes(&self) -> usize {
        self.host.len() + self.user.len() + self.host_key.size_bytes()
    }
}

impl Size for Instance {
    fn size_bytes(&self) -> usize {
        let texts = self.id.len() + self.order_key.size_bytes();
        let known = self.hardware.size_bytes() + self.ssh.size_bytes();
        texts + known + self.labels.size_bytes()
    }
}

impl Size for Failure {
    fn size_bytes(&self) -> usize {
        match self {
            Self::NoCapacity | Self::PriceRose(_) | Self::NotFound | Self::Busy(_) => 0,
            Self::Account(text) | Self::Upstream(text) | Self::Unsupported(text) => text.len(),
        }
    }
}

impl Size for http::Header {
    fn size_bytes(&self) -> usize {
        self.name.len() + self.value.len()
    }
}

impl Size for http::Request {
    fn size_bytes(&self) -> usize {
        self.url.len() + self.headers.size_bytes() + self.body.len()
    }
}

impl Size for machine::Workload {
    fn size_bytes(&self) -> usize {
        let texts = self.name.len() + self.image.len() + self.ssh_public_key.len();
        texts + self.labels.size_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> Label {
        Label {
            name: "zone".into(),
            value: "a".into(),
        }
    }

    #[test]
    fn every_text_and_every_element_counts() {
        let offer = Offer {
            id: "four".into(),
            hardware: Hardware {
                gpus: vec![Gpu {
                    model: "h200".into(),
                    count: 1,
                    memory_mib: 1,
                    uuids: vec!["gpu-1".into()],
                }],
                cpu_model: "cpu".into(),
                cpu_threads: 1,
                memory_mib: 1,
                disk_mib: 1,
                labels: vec![label()],
            },
            region: "eu".into(),
            price_micro_usd_per_hour: 1,
            interruptible: false,
            labels: vec![label()],
        };
        let elements = size_of::<Gpu>() + size_of::<String>() + 2 * size_of::<Label>();
        let texts = 4 + 2 + 4 + 5 + 3 + 2 * 5;
        assert_eq!(offer.size_bytes(), texts + elements);
        let listed: Result<_, Failure> = Ok(vec![offer]);
        assert_eq!(listed.size_bytes(), texts + elements + size_of::<Offer>());
        let failed: Result<(), _> = Err(Failure::Account("no funds".into()));
        assert_eq!(failed.size_bytes(), 8);
    }
}
