//! A secret in memory: wiped when dropped, and nothing prints it.

use zeroize::Zeroizing;

/// Text that must not be seen. Not `Debug`, not `Display`, not `Clone`, not
/// serializable: who needs the text says so, by name.
pub(super) struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, to be put into a request or looked for in a response.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};

    use super::super::aws::AccessKey;
    use super::super::proof::Proof;
    use super::super::scrub::Scrubber;
    use super::Secret;

    /// Which of the implementations is meant cannot be inferred for a type that has
    /// more than one of them: this does not compile if one can be printed or copied.
    trait Secretive<Because> {
        fn is_secretive() {}
    }

    struct IsDebug;
    struct IsDisplay;
    struct IsClone;
    struct IsSerialize;

    impl<T: ?Sized> Secretive<()> for T {}
    impl<T: ?Sized + Debug> Secretive<IsDebug> for T {}
    impl<T: ?Sized + Display> Secretive<IsDisplay> for T {}
    impl<T: Clone> Secretive<IsClone> for T {}
    impl<T: ?Sized + serde::Serialize> Secretive<IsSerialize> for T {}

    #[test]
    fn what_holds_a_secret_can_be_neither_printed_nor_copied() {
        <Secret as Secretive<_>>::is_secretive();
        <AccessKey as Secretive<_>>::is_secretive();
        <Scrubber as Secretive<_>>::is_secretive();
        <Proof as Secretive<_>>::is_secretive();
    }
}
