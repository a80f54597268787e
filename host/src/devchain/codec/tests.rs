//! Keys, values, events and results against those of a real local subtensor.

#![allow(clippy::unwrap_used, clippy::panic)]

use frame_metadata::{v14, v15};
use scale_value::Value;
use serde_json::Value as Json;

use super::super::event::account;
use super::super::event::{Events, Phase, number};
use super::super::golden;
use super::super::info::{Facts, select};
use super::super::runtime::{Runtime, Spec};
use super::*;
use crate::subnet::key::AccountId;

fn codec() -> Codec {
    golden::codec()
}

/// A key part, typed as the item wants it.
fn part(param: &Json) -> Option<Key> {
    match param {
        Json::Number(number) => Some(Key::U16(number.as_u64()?.try_into().ok()?)),
        Json::String(text) => {
            let account: AccountId = text.parse().ok()?;
            Some(Key::Account(account.0))
        }
        _ => None,
    }
}

#[test]
fn storage_keys_are_those_of_the_sdk() {
    let (codec, mut checked) = (codec(), 0);
    for golden in golden::list("storage_keys") {
        let params = golden["params"].as_array().unwrap();
        let parts: Option<Vec<Key>> = params.iter().map(part).collect();
        let Some(parts) = parts else {
            continue;
        };
        let pallet = golden["pallet"].as_str().unwrap();
        let name = golden["storage_function"].as_str().unwrap();
        let item = codec.item(pallet, name).unwrap();
        let key = codec.key(item, &parts).unwrap();
        assert_eq!(key, golden::bytes(&golden["key_hex"]), "{pallet}.{name}");
        checked += 1;
    }
    assert!(checked >= 9, "{checked}");
}

#[test]
fn storage_values_survive_decoding_and_encoding() {
    let codec = codec();
    for golden in golden::list("storage_values") {
        if golden["raw_hex"].is_null() {
            continue;
        }
        let pallet = golden["pallet"].as_str().unwrap();
        let name = golden["storage_function"].as_str().unwrap();
        let item = codec.item(pallet, name).unwrap();
        let raw = golden::bytes(&golden["raw_hex"]);
        let mut rest = raw.as_slice();
        let value =
            scale_value::scale::decode_as_type(&mut rest, item.value, codec.types()).unwrap();
        let value = value.remove_context();
        assert_eq!(
            codec.encode(&value, item.value).unwrap(),
            raw,
            "{pallet}.{name}"
        );
    }
}

#[test]
fn an_account_is_read_and_written_as_it_was() {
    let codec = codec();
    let golden = &golden::list("storage_values")[0];
    let raw = golden::bytes(&golden["raw_hex"]);
    let item = codec.item("System", "Account").unwrap();
    let info: super::super::balances::AccountInfo = codec.decode(&raw, item.value).unwrap();
    assert_eq!(info.nonce, 1);
    assert_eq!(codec.encode(&info, item.value).unwrap(), raw);
}

#[test]
fn events_are_encoded_as_a_real_block_has_them() {
    let codec = codec();
    let events_type = codec.item("System", "Events").unwrap().value;
    let raw = golden::bytes(&golden::file()["events"]["raw_hex"]);
    let mut rest = raw.as_slice();
    let value = scale_value::scale::decode_as_type(&mut rest, events_type, codec.types()).unwrap();
    assert_eq!(
        codec.encode(&value.remove_context(), events_type).unwrap(),
        raw
    );
    let mut events = Events::default();
    events.outcome(&codec, 2, "Normal", &Ok(())).unwrap();
    let success = codec.encode(&events.into_value(), events_type).unwrap();
    // As chain-testing clients know it, but that nothing is paid.
    assert_eq!(hex::encode(success), "04000200000000000000000100");
    let mut events = Events::default();
    let fields = [number(1), number(2), account([3; 32])];
    let fields = scale_value::Composite::unnamed(fields);
    events.push(
        Phase::Extrinsic(1),
        "SubtensorModule",
        "NeuronRegistered",
        fields,
    );
    let encoded = codec.encode(&events.into_value(), events_type).unwrap();
    let expected = format!("0400010000000707{}{}{}00", "0100", "0200", "03".repeat(32));
    assert_eq!(hex::encode(encoded), expected);
}

#[test]
fn hyperparameters_come_out_as_the_real_runtime_encodes_them() {
    let codec = codec();
    let golden = &golden::list("runtime_calls")[1];
    let (_, output) = codec
        .api("SubnetInfoRuntimeApi_get_subnet_hyperparams")
        .unwrap();
    let inner = codec.types().resolve(output).unwrap().type_params[0]
        .ty
        .unwrap()
        .id;
    let fields = super::super::info::struct_fields(&codec, inner).unwrap();
    let mut facts = Facts::new();
    for (name, value) in golden["decoded"].as_object().unwrap() {
        let name: &'static str = String::leak(name.clone());
        assert!(fields.iter().any(|(field, _)| *field == name), "{name}");
        let value = match value {
            Json::Bool(flag) => Value::bool(*flag),
            _ => number(value.as_u64().unwrap()),
        };
        facts.insert(name, value);
    }
    let value = Value::unnamed_variant("Some", [select(&codec, inner, &facts).unwrap()]);
    let encoded = codec.encode(&value, output).unwrap();
    assert_eq!(encoded, golden::bytes(&golden["raw_hex"]));
}

#[test]
fn a_fact_that_is_missing_is_an_error_and_no_zero() {
    let codec = codec();
    let (_, output) = codec
        .api("SubnetInfoRuntimeApi_get_subnet_hyperparams")
        .unwrap();
    let inner = codec.types().resolve(output).unwrap().type_params[0]
        .ty
        .unwrap()
        .id;
    assert!(select(&codec, inner, &Facts::new()).is_err());
}

#[test]
fn constants_are_those_of_the_real_runtime() {
    let codec = codec();
    for golden in golden::list("constants") {
        let (module, name) = (golden["module"].as_str(), golden["name"].as_str());
        let (bytes, type_id) = codec.constant(module.unwrap(), name.unwrap()).unwrap();
        let value: u64 = codec.decode(bytes, type_id).unwrap();
        assert_eq!(Some(value), golden["decoded"].as_u64());
    }
}

/// The metadata a runtime serves in both versions, as a client reads it.
fn served(spec: Spec) -> (v14::RuntimeMetadataV14, v15::RuntimeMetadataV15) {
    let runtime = Runtime::new(spec, 250).unwrap();
    let read = |bytes: &[u8]| RuntimeMetadataPrefixed::decode(&mut &*bytes).unwrap().1;
    match (read(&runtime.metadata_v14), read(&runtime.metadata_v15)) {
        (RuntimeMetadata::V14(v14), RuntimeMetadata::V15(v15)) => (v14, v15),
        _ => panic!("not versions 14 and 15"),
    }
}

#[test]
fn both_versions_of_the_metadata_are_of_one_runtime_and_without_docs() {
    for spec in Spec::ALL {
        let (v14, v15) = served(spec);
        assert_eq!(Runtime::new(spec, 250).unwrap().versions.0, spec.number());
        assert_eq!(v14.pallets.len(), v15.pallets.len());
        // An extrinsic's type is all that version 14 adds.
        assert!(v14.types.types.starts_with(&v15.types.types));
        let extrinsic = v14.types.resolve(v14.extrinsic.ty.id).unwrap();
        assert_eq!(extrinsic.path.ident().unwrap(), "UncheckedExtrinsic");
        assert_eq!(extrinsic.type_params[1].ty, Some(v15.extrinsic.call_ty));
        let mut types = v15.types.types.iter();
        assert!(types.all(|found| found.ty.docs.is_empty()));
        assert!(spec.metadata().len() < 150_000, "{}", spec.metadata().len());
    }
}

#[test]
fn what_newer_clients_read_is_served_where_its_generation_is() {
    let item = "SubnetEpochConsensus";
    let runtime = Runtime::new(Spec::V461, 250).unwrap();
    let found = runtime.codec.item("SubtensorModule", item).unwrap();
    let key = runtime.codec.key(found, &[1_u16.into()]).unwrap();
    assert_eq!(key[32..], [1, 0]);
    let types = runtime.codec.types();
    let default = scale_value::scale::decode_as_type(&mut &*found.default, found.value, types);
    let default = default.unwrap().remove_context();
    assert_eq!(default, Value::unnamed_variant("Yuma", []));
    let old = Runtime::new(Spec::V393, 250).unwrap();
    assert!(old.codec.item("SubtensorModule", item).is_err());
}

#[test]
fn a_block_takes_as_long_as_the_runtime_says() {
    let runtime = Runtime::new(Spec::V461, 1000).unwrap();
    let (bytes, type_id) = runtime.codec.constant("Aura", "SlotDuration").unwrap();
    assert_eq!(runtime.codec.decode::<u64>(bytes, type_id).unwrap(), 1000);
}

/// A type's shape, without the names that differ between runtimes: a wrapper
/// of one field has the bytes of what it wraps.
fn shape(types: &PortableRegistry, id: u32, depth: u8) -> String {
    if depth == 0 {
        return "..".into();
    }
    let of = |id: u32| shape(types, id, depth - 1);
    let fields = |fields: &[scale_info::Field<PortableForm>]| {
        let all: Vec<_> = fields.iter().map(|field| of(field.ty.id)).collect();
        match all.as_slice() {
            [one] => one.clone(),
            _ => format!("({})", all.join(",")),
        }
    };
    match &types.resolve(id).unwrap().type_def {
        TypeDef::Composite(found) => fields(&found.fields),
        TypeDef::Variant(found) => {
            let all = found.variants.iter();
            let all: Vec<_> = all
                .map(|one| format!("{}{}{}", one.name, one.index, fields(&one.fields)))
                .collect();
            format!("[{}]", all.join("|"))
        }
        TypeDef::Sequence(found) => format!("Vec<{}>", of(found.type_param.id)),
        TypeDef::Array(found) => format!("[{};{}]", of(found.type_param.id), found.len),
        TypeDef::Tuple(found) => match found.fields.as_slice() {
            [one] => of(one.id),
            all => {
                let all: Vec<_> = all.iter().map(|field| of(field.id)).collect();
                format!("({})", all.join(","))
            }
        },
        TypeDef::Primitive(found) => format!("{found:?}"),
        TypeDef::Compact(found) => format!("Compact<{}>", of(found.type_param.id)),
        TypeDef::BitSequence(_) => "bits".into(),
    }
}

#[test]
fn an_upgrade_finds_the_values_as_it_would_write_them() {
    let [old, new] = Spec::ALL.map(|spec| Runtime::new(spec, 250).unwrap());
    let mut differ = Vec::new();
    for pallet in [
        "System",
        "Timestamp",
        "Balances",
        "SubtensorModule",
        "Commitments",
        "Drand",
    ] {
        for (name, item) in &old.codec.items[pallet] {
            let Ok(newer) = new.codec.item(pallet, name) else {
                continue;
            };
            let shapes = [(&old, item), (&new, newer)].map(|(runtime, item)| {
                let types = runtime.codec.types();
                let keys = item.keys.iter().map(|key| shape(types, *key, 12));
                let keys: Vec<_> = keys.collect();
                (keys, item.hashers.clone(), shape(types, item.value, 12))
            });
            if shapes[0] != shapes[1] {
                differ.push(format!("{pallet}.{name}"));
            }
        }
    }
    differ.sort_unstable();
    // Enumerations that grew at their end; what the old one says, the new one
    // says alike. Events are each block's own.
    let grew = [
        "Balances.Holds",
        "Commitments.CommitmentOf",
        "SubtensorModule.LastRateLimitedBlock",
        "System.Events",
    ];
    assert_eq!(differ, grew);
}

/// Decodes bytes as a type and encodes what comes of it.
fn there_and_back(codec: &Codec, bytes: &[u8], type_id: u32) -> Vec<u8> {
    let mut rest = bytes;
    let value = scale_value::scale::decode_as_type(&mut rest, type_id, codec.types()).unwrap();
    assert!(rest.is_empty());
    codec.encode(&value.remove_context(), type_id).unwrap()
}

#[test]
fn calls_survive_decoding_and_encoding() {
    let codec = codec();
    let any = codec.metadata().outer_enums.call_enum_ty.id;
    let mut calls: Vec<Vec<u8>> = Vec::new();
    for list in ["calls", "extrinsics"] {
        for golden in golden::list(list) {
            let field = ["data_hex", "call_data_hex"]
                .into_iter()
                .find(|f| !golden[f].is_null());
            calls.push(golden::bytes(&golden[field.unwrap()]));
        }
    }
    assert!(calls.len() >= 12, "{}", calls.len());
    for call in calls {
        assert_eq!(there_and_back(&codec, &call, any), call);
    }
}

#[test]
fn calls_are_found_by_the_names_of_the_sdk() {
    let codec = codec();
    for golden in golden::list("calls") {
        let (module, name) = (golden["module"].as_str(), golden["function"].as_str());
        let index = codec.call_index(module.unwrap(), name.unwrap()).unwrap();
        assert_eq!(index, golden::bytes(&golden["data_hex"])[..2]);
    }
}

#[test]
fn maps_have_the_keys_and_values_of_a_real_chain() {
    let codec = codec();
    for golden in golden::list("query_maps") {
        let pallet = golden["pallet"].as_str().unwrap();
        let item = codec
            .item(pallet, golden["storage_function"].as_str().unwrap())
            .unwrap();
        let params = golden["params"].as_array().unwrap();
        let parts: Vec<Key> = params.iter().map(|param| part(param).unwrap()).collect();
        let prefix = codec.key(item, &parts).unwrap();
        assert_eq!(prefix, golden::bytes(&golden["prefix_hex"]));
        for change in golden["raw_changes"].as_array().unwrap() {
            assert!(golden::bytes(&change[0]).starts_with(&prefix));
            let value = golden::bytes(&change[1]);
            assert_eq!(there_and_back(&codec, &value, item.value), value);
        }
    }
}

#[test]
fn runtime_results_and_arguments_are_those_of_the_real_runtime() {
    let codec = codec();
    for golden in golden::list("runtime_calls") {
        let (api, method) = (golden["api"].as_str(), golden["method"].as_str());
        let name = format!("{}_{}", api.unwrap(), method.unwrap());
        let (inputs, output) = codec.api(&name).unwrap();
        let raw = golden::bytes(&golden["raw_hex"]);
        assert_eq!(there_and_back(&codec, &raw, output), raw, "{name}");
        let mut arguments = golden::bytes(&golden["encoded_params_hex"]);
        for input in inputs {
            let length = codec.length(&arguments, input).unwrap();
            let rest = arguments.split_off(length);
            assert_eq!(
                there_and_back(&codec, &arguments, input),
                arguments,
                "{name}"
            );
            arguments = rest;
        }
        assert!(arguments.is_empty(), "{name}");
    }
}
