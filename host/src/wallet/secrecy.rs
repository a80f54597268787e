//! What holds a secret cannot be printed: this does not compile if it can.

use std::fmt::{Debug, Display};

use super::key::KeyPair;
use super::password::Found;
use super::secret::Secret;
use super::{Coldkey, Hotkey, NewKey, Password, Passwords};

/// Which of the implementations is meant cannot be inferred for a type that has
/// more than one of them.
trait Secretive<Because> {
    fn is_secretive() {}
}

struct IsDebug;
struct IsDisplay;

impl<T: ?Sized> Secretive<()> for T {}
impl<T: ?Sized + Debug> Secretive<IsDebug> for T {}
impl<T: ?Sized + Display> Secretive<IsDisplay> for T {}

#[test]
fn what_holds_a_secret_has_neither_debug_nor_display() {
    <Hotkey as Secretive<_>>::is_secretive();
    <Coldkey as Secretive<_>>::is_secretive();
    <KeyPair as Secretive<_>>::is_secretive();
    <NewKey as Secretive<_>>::is_secretive();
    <Secret as Secretive<_>>::is_secretive();
    <Password as Secretive<_>>::is_secretive();
    <Passwords as Secretive<_>>::is_secretive();
    <Found as Secretive<_>>::is_secretive();
}
