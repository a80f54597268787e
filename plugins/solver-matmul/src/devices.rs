//! Which device does the work.

use matmul_proof::wire::{DEVICE_AUTO, DEVICE_CPU};

use crate::bindings::{
    compute::subnet::accelerator::Device, exports::compute::subnet::solver::Failure,
};

/// The device that the task's number means.
///
/// A card has a UUID and a CPU has none; `auto` is the first card, as the host
/// lists them, or else the first device of all.
pub(crate) fn choose(wanted: u32, devices: &[Device]) -> Result<u32, Failure> {
    let is_card = |device: &&Device| !device.uuid.is_empty();
    let found = match wanted {
        DEVICE_AUTO => devices.iter().find(is_card).or(devices.first()),
        DEVICE_CPU => devices.iter().find(|device| !is_card(device)),
        number => devices.iter().find(|device| device.index == number),
    };
    found
        .map(|device| device.index)
        .ok_or_else(|| Failure::Unable(format!("this machine has no device {}", name(wanted))))
}

fn name(wanted: u32) -> String {
    match wanted {
        DEVICE_AUTO => "at all".to_owned(),
        DEVICE_CPU => "that is a CPU".to_owned(),
        number => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn device(index: u32, uuid: &str) -> Device {
        Device {
            index,
            model: "model".to_owned(),
            uuid: uuid.to_owned(),
            memory_mib: 1,
        }
    }

    #[test]
    fn auto_prefers_a_card_and_makes_do_with_a_cpu() {
        let both = [device(0, ""), device(1, "GPU-1")];
        assert_eq!(choose(DEVICE_AUTO, &both).unwrap(), 1);
        assert_eq!(choose(DEVICE_CPU, &both).unwrap(), 0);
        assert_eq!(choose(DEVICE_AUTO, &both[..1]).unwrap(), 0);
    }

    #[test]
    fn a_device_that_is_not_there_is_refused() {
        assert!(choose(2, &[device(0, "")]).is_err());
        assert!(choose(DEVICE_CPU, &[device(1, "GPU-1")]).is_err());
        assert!(choose(DEVICE_AUTO, &[]).is_err());
    }
}
