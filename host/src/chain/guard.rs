//! Makes a node's type information safe to walk.
//!
//! Encoders and decoders follow the types that a node sends along, recursively
//! and without a limit of their own: a type that contains itself would overflow
//! the stack, and a list of nothing would spin for as long as its length says.
//! So before anything is encoded or decoded: no type contains itself without a
//! list or an enumeration between, none is nested deeper than [`DEPTH_MAX`],
//! and whatever we decode is entirely without cycles and lists of nothing.

use std::collections::HashMap;

use scale_info::{PortableRegistry, TypeDef};

/// The deepest nesting of types; subtensor's calls need about 20.
const DEPTH_MAX: usize = 64;
/// The most types; subtensor has about 1000.
const TYPES_MAX: usize = 20_000;
/// The most elements of a fixed array.
const ARRAY_MAX: u32 = 1 << 20;

/// Why types cannot be walked.
pub(super) type Unsafe = String;

/// Checks all types, as far as encoding follows them.
pub(super) fn check(types: &PortableRegistry) -> Result<(), Unsafe> {
    if types.types.len() > TYPES_MAX {
        return Err(format!("it has more than {TYPES_MAX} types"));
    }
    let mut walk = Walk::new(types, Follow::Directly);
    for (index, _) in types.types.iter().enumerate() {
        let id = u32::try_from(index).map_err(|_| "it has too many types".to_owned())?;
        walk.depth(id, 0)?;
    }
    Ok(())
}

/// Checks everything that can follow from decoding type `root`.
pub(super) fn check_decodable(types: &PortableRegistry, root: u32) -> Result<(), Unsafe> {
    let mut walk = Walk::new(types, Follow::Everywhere);
    walk.depth(root, 0)?;
    let reached: Vec<u32> = walk.known.keys().copied().collect();
    let mut sizes = HashMap::new();
    for id in reached {
        if let Some(element) = element(types, id)
            && smallest_size(types, element, &mut sizes) == 0
        {
            return Err(format!("type {id} is a list of nothing"));
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Follow {
    /// What a value always contains.
    Directly,
    /// What it may contain, too.
    Everywhere,
}

struct Walk<'a> {
    types: &'a PortableRegistry,
    follow: Follow,
    /// `None` while it is being walked: met again, it contains itself.
    known: HashMap<u32, Option<usize>>,
}

impl<'a> Walk<'a> {
    fn new(types: &'a PortableRegistry, follow: Follow) -> Self {
        Self {
            types,
            follow,
            known: HashMap::new(),
        }
    }

    fn depth(&mut self, id: u32, above: usize) -> Result<usize, Unsafe> {
        match self.known.get(&id) {
            Some(Some(depth)) if above + depth <= DEPTH_MAX => return Ok(*depth),
            Some(None) => return Err(format!("type {id} contains itself")),
            _ if above >= DEPTH_MAX => return Err(format!("type {id} is nested too deep")),
            Some(Some(_)) => return Err(format!("type {id} is nested too deep")),
            None => {}
        }
        self.known.insert(id, None);
        let mut deepest = 0;
        for child in children(self.types, id, self.follow)? {
            deepest = deepest.max(self.depth(child, above + 1)? + 1);
        }
        self.known.insert(id, Some(deepest));
        Ok(deepest)
    }
}

fn children(types: &PortableRegistry, id: u32, follow: Follow) -> Result<Vec<u32>, Unsafe> {
    let ty = types
        .resolve(id)
        .ok_or_else(|| format!("type {id} is missing"))?;
    let everywhere = follow == Follow::Everywhere;
    Ok(match &ty.type_def {
        TypeDef::Composite(composite) => composite.fields.iter().map(|f| f.ty.id).collect(),
        TypeDef::Tuple(tuple) => tuple.fields.iter().map(|f| f.id).collect(),
        TypeDef::Array(array) if array.len > ARRAY_MAX => {
            return Err(format!("type {id} is an array of {} elements", array.len));
        }
        TypeDef::Array(array) => vec![array.type_param.id],
        TypeDef::Compact(compact) => vec![compact.type_param.id],
        TypeDef::Sequence(sequence) if everywhere => vec![sequence.type_param.id],
        TypeDef::Variant(variant) if everywhere => variant
            .variants
            .iter()
            .flat_map(|variant| variant.fields.iter().map(|f| f.ty.id))
            .collect(),
        // Their two parameters are checked for being one of a few known types.
        TypeDef::BitSequence(_)
        | TypeDef::Sequence(_)
        | TypeDef::Variant(_)
        | TypeDef::Primitive(_) => Vec::new(),
    })
}

fn element(types: &PortableRegistry, id: u32) -> Option<u32> {
    match &types.resolve(id)?.type_def {
        TypeDef::Sequence(sequence) => Some(sequence.type_param.id),
        _ => None,
    }
}

/// In bytes; only for types that [`Walk`] has found to be without cycles.
fn smallest_size(types: &PortableRegistry, id: u32, known: &mut HashMap<u32, u64>) -> u64 {
    if let Some(size) = known.get(&id) {
        return *size;
    }
    let Some(ty) = types.resolve(id) else {
        return 0;
    };
    let size = match &ty.type_def {
        TypeDef::Composite(composite) => composite.fields.iter().fold(0_u64, |sum, field| {
            sum.saturating_add(smallest_size(types, field.ty.id, known))
        }),
        TypeDef::Tuple(tuple) => tuple.fields.iter().fold(0_u64, |sum, field| {
            sum.saturating_add(smallest_size(types, field.id, known))
        }),
        TypeDef::Array(array) => {
            u64::from(array.len).saturating_mul(smallest_size(types, array.type_param.id, known))
        }
        // A compact of nothing is nothing, too.
        TypeDef::Compact(compact) => smallest_size(types, compact.type_param.id, known).min(1),
        _ => 1,
    };
    known.insert(id, size);
    size
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use parity_scale_codec::Encode as _;
    use scale_info::form::PortableForm;
    use scale_info::{PortableType, Type, TypeDefTuple};

    use super::*;

    /// `sizes[i]` names the types that tuple `i` is made of.
    fn tuples(parts: &[&[u32]]) -> PortableRegistry {
        let types = parts
            .iter()
            .zip(0..)
            .map(|(fields, id)| PortableType {
                id,
                ty: tuple(fields),
            })
            .collect();
        PortableRegistry { types }
    }

    fn tuple(fields: &[u32]) -> Type<PortableForm> {
        let def = TypeDefTuple::new_portable(fields.iter().map(|id| (*id).into()));
        Type::new(Default::default(), vec![], def, vec![])
    }

    fn list_of(element: u32) -> Type<PortableForm> {
        let def = scale_info::TypeDefSequence::new(element.into());
        Type::new(Default::default(), vec![], def, vec![])
    }

    #[test]
    fn a_type_that_contains_itself_is_refused() {
        assert!(check(&tuples(&[&[], &[0, 0], &[1]])).is_ok());
        assert!(check(&tuples(&[&[0]])).is_err());
        assert!(check(&tuples(&[&[1], &[2], &[0]])).is_err());
        assert!(check(&tuples(&[&[7]])).is_err());
    }

    #[test]
    fn a_tower_of_types_is_refused_whichever_end_is_walked_first() {
        let up: Vec<Vec<u32>> = (0..200)
            .map(|i| if i == 0 { vec![] } else { vec![i - 1] })
            .collect();
        let down: Vec<Vec<u32>> = (0..200)
            .map(|i| if i == 199 { vec![] } else { vec![i + 1] })
            .collect();
        for tower in [up, down] {
            let parts: Vec<&[u32]> = tower.iter().map(Vec::as_slice).collect();
            assert!(check(&tuples(&parts)).is_err());
        }
    }

    #[test]
    fn wide_types_are_walked_once() {
        // Each is made of the one below, twice: 2^60 ways, 60 types.
        let wide: Vec<Vec<u32>> = (0..60)
            .map(|i| if i == 0 { vec![] } else { vec![i - 1, i - 1] })
            .collect();
        let parts: Vec<&[u32]> = wide.iter().map(Vec::as_slice).collect();
        assert!(check(&tuples(&parts)).is_ok());
        assert!(check_decodable(&tuples(&parts), 59).is_ok());
    }

    #[test]
    fn a_list_of_nothing_and_a_list_of_itself_are_refused() {
        let mut types = tuples(&[&[], &[]]);
        types.types[1].ty = list_of(0);
        assert!(check(&types).is_ok());
        assert!(check_decodable(&types, 1).is_err());
        types.types[1].ty = list_of(1);
        assert!(check(&types).is_ok());
        assert!(check_decodable(&types, 1).is_err());
        assert!(!types.encode().is_empty());
    }
}
