//! A value kept in its encoding: what is stored as it came, without being
//! taken apart.
//!
//! Its length is found by its type in the metadata, so that it ends where it
//! should. Nothing is allocated by a length that a stranger wrote.

use scale_decode::visitor::{DecodeAsTypeResult, IgnoreVisitor, decode_with_visitor};
use scale_decode::{IntoVisitor, TypeResolver, Visitor};
use scale_encode::EncodeAsType;

/// Bytes of a type that only the metadata knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded(pub(super) Vec<u8>);

impl EncodeAsType for Encoded {
    fn encode_as_type_to<R: TypeResolver>(
        &self,
        _type_id: R::TypeId,
        _types: &R,
        out: &mut Vec<u8>,
    ) -> Result<(), scale_encode::Error> {
        out.extend_from_slice(&self.0);
        Ok(())
    }
}

/// Copies the bytes of whatever comes.
pub(super) struct Copy<R>(std::marker::PhantomData<R>);

impl<R: TypeResolver> Visitor for Copy<R> {
    type TypeResolver = R;
    type Value<'scale, 'info> = Encoded;
    type Error = scale_decode::Error;

    fn unchecked_decode_as_type<'scale, 'info>(
        self,
        input: &mut &'scale [u8],
        type_id: R::TypeId,
        types: &'info R,
    ) -> DecodeAsTypeResult<Self, Result<Self::Value<'scale, 'info>, Self::Error>> {
        let all = *input;
        let ignored = decode_with_visitor(input, type_id, types, IgnoreVisitor::<R>::new());
        DecodeAsTypeResult::Decoded(match ignored {
            Ok(()) => Ok(Encoded(all[..all.len() - input.len()].to_vec())),
            Err(error) => Err(error.into()),
        })
    }
}

impl IntoVisitor for Encoded {
    type AnyVisitor<R: TypeResolver> = Copy<R>;

    fn into_visitor<R: TypeResolver>() -> Copy<R> {
        Copy(std::marker::PhantomData)
    }
}
