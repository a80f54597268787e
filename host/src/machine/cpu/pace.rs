//! Work in slices: the deadline between them, and rest in proportion.

use std::time::{Duration, Instant};

use crate::subnet::accelerator::AcceleratorError;

/// Time, so that tests can move it.
pub(super) trait Clock: Send + Sync {
    fn now(&self) -> Instant;
    fn sleep(&self, pause: Duration);
}

/// The machine's own.
pub(super) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, pause: Duration) {
        std::thread::sleep(pause);
    }
}

/// How one job may use its time.
pub(super) struct Pace<'a> {
    clock: &'a dyn Clock,
    duty_permille: u16,
    deadline: Instant,
}

impl<'a> Pace<'a> {
    pub(super) fn new(clock: &'a dyn Clock, duty_permille: u16, deadline: Instant) -> Self {
        Self {
            clock,
            duty_permille: duty_permille.clamp(1, 1000),
            deadline,
        }
    }

    /// Does one slice and rests after it. Gives up, at once, when the deadline
    /// has passed or would pass during the rest.
    pub(super) fn slice<T>(&self, work: impl FnOnce() -> T) -> Result<T, AcceleratorError> {
        let begun = self.clock.now();
        if begun >= self.deadline {
            return Err(too_late());
        }
        let value = work();
        self.rest(self.clock.now().saturating_duration_since(begun))?;
        Ok(value)
    }

    fn rest(&self, busy: Duration) -> Result<(), AcceleratorError> {
        let idle_permille = u32::from(1000 - self.duty_permille);
        let pause = busy.saturating_mul(idle_permille) / u32::from(self.duty_permille);
        if pause.is_zero() {
            return Ok(());
        }
        let left = self.deadline.saturating_duration_since(self.clock.now());
        if pause >= left {
            return Err(too_late());
        }
        self.clock.sleep(pause);
        Ok(())
    }
}

fn too_late() -> AcceleratorError {
    AcceleratorError::DeviceFailed("the deadline passed before the job was done".to_owned())
}
