//! Non-negative fixed point with 32 fractional bits that rounds down.

/// A number of `0` to `2^32`, in steps of `2^-32`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Q32(u64);

impl Q32 {
    /// Zero.
    pub(super) const ZERO: Self = Self(0);
    /// One.
    pub(super) const ONE: Self = Self(1 << 32);

    /// `part / whole`; zero if there is no whole.
    pub(super) fn ratio(part: u128, whole: u128) -> Self {
        let bits = (part << 32).checked_div(whole).unwrap_or(0);
        Self(u64::try_from(bits).unwrap_or(u64::MAX))
    }

    /// A share of `u16::MAX`.
    pub(super) fn of_u16(share: u16) -> Self {
        Self::ratio(u128::from(share), u128::from(u16::MAX))
    }

    /// A whole number.
    pub(super) fn whole(number: u16) -> Self {
        Self(u64::from(number) << 32)
    }

    /// As a share of `u16::MAX`.
    pub(super) fn to_u16(self) -> u16 {
        u16::try_from(self.of(u64::from(u16::MAX))).unwrap_or(u16::MAX)
    }

    /// This share of `number`.
    pub(super) fn of(self, number: u64) -> u64 {
        let product = (u128::from(self.0) * u128::from(number)) >> 32;
        u64::try_from(product).unwrap_or(u64::MAX)
    }

    /// Sum.
    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Difference, at least zero.
    pub(super) fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Product.
    pub(super) fn times(self, other: Self) -> Self {
        Self(other.of(self.0))
    }

    /// Quotient; zero if there is nothing to divide by.
    pub(super) fn over(self, other: Self) -> Self {
        Self::ratio(u128::from(self.0), u128::from(other.0))
    }

    /// Sum of all.
    pub(super) fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        all.into_iter()
            .fold(Self::ZERO, |sum, next| sum.plus(*next))
    }
}
