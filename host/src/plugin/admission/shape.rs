//! What a component is, read from its names alone, before anything is compiled.

use wasmparser::{Encoding, Parser, Payload};

use super::AdmissionError;
use crate::plugin::{v0_1, wasi};
use crate::subnet::plugin::World;
use crate::subnet::text::escape;

pub(super) const WORLDS: [World; 4] = [
    World::ScoringPolicy,
    World::ChallengeGenerator,
    World::ChallengeSolver,
    World::ProviderAdapter,
];
/// Imports and exports that are read; no honest component comes near.
const NAMES_MAX: usize = 4_096;
/// Exports that a refusal lists.
const LISTED_MAX: usize = 5;

/// The outermost imports and exports.
#[derive(Debug, Default)]
struct Shape {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Which world `bytes` target, if one, and only with imports it may have.
pub(in crate::plugin) fn world_of(bytes: &[u8]) -> Result<World, AdmissionError> {
    check_preamble(bytes)?;
    let shape = read(bytes)?;
    let world = shape.world()?;
    shape.check_plugin_export(world)?;
    shape.check_imports(world)?;
    Ok(world)
}

/// What `bytes` import, sorted, each once.
pub(in crate::plugin) fn imports_of(bytes: &[u8]) -> Result<Vec<String>, AdmissionError> {
    check_preamble(bytes)?;
    let mut imports = read(bytes)?.imports;
    imports.sort();
    imports.dedup();
    Ok(imports)
}

fn check_preamble(bytes: &[u8]) -> Result<(), AdmissionError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(AdmissionError::NotWasm);
    }
    if Parser::is_core_wasm(bytes) {
        return Err(AdmissionError::CoreModule);
    }
    Ok(())
}

fn read(bytes: &[u8]) -> Result<Shape, AdmissionError> {
    let malformed = |error: wasmparser::BinaryReaderError| {
        AdmissionError::Malformed(escape(&error.to_string()))
    };
    let mut shape = Shape::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding == Encoding::Module {
                    return Err(AdmissionError::CoreModule);
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    push(&mut shape.imports, import.map_err(malformed)?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    push(&mut shape.exports, export.map_err(malformed)?.name.name)?;
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}

fn push(names: &mut Vec<String>, name: &str) -> Result<(), AdmissionError> {
    if names.len() == NAMES_MAX {
        let text = format!("more than {NAMES_MAX} imports or exports");
        return Err(AdmissionError::Malformed(text));
    }
    names.push(name.to_owned());
    Ok(())
}

/// `namespace:package/interface@version`, taken apart.
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: Option<&'a str>,
}

impl<'a> Name<'a> {
    fn read(name: &'a str) -> Option<Self> {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/')?;
        Some(Self {
            package,
            interface,
            version,
        })
    }

    fn is_ours(&self) -> bool {
        self.package == v0_1::PACKAGE
    }

    /// Any 0.1.z.
    fn is_spoken(&self) -> bool {
        self.version.is_some_and(|version| {
            semver::Version::parse(version)
                .is_ok_and(|v| v.major == 0 && v.minor == 1 && v.pre.is_empty())
        })
    }
}

fn full(interface: &str) -> String {
    format!("{}/{interface}@{}", v0_1::PACKAGE, v0_1::VERSION)
}

impl Shape {
    fn world(&self) -> Result<World, AdmissionError> {
        let mut found: Vec<(World, &String)> = Vec::new();
        for export in &self.exports {
            let Some(name) = Name::read(export).filter(Name::is_ours) else {
                continue;
            };
            let role = |world: &World| v0_1::role_export(*world) == name.interface;
            let Some(world) = WORLDS.into_iter().find(role) else {
                continue;
            };
            if !name.is_spoken() {
                return Err(AdmissionError::OtherGeneration {
                    found: escape(export),
                    nearest: full(name.interface),
                });
            }
            found.push((world, export));
        }
        match found.as_slice() {
            [(world, _)] => Ok(*world),
            [] => Err(self.no_role()),
            several => {
                let exports: Vec<_> = several.iter().map(|(_, name)| name.as_str()).collect();
                Err(AdmissionError::SeveralWorlds(list(&exports)))
            }
        }
    }

    /// Nothing of ours: perhaps a name that is nearly ours.
    fn no_role(&self) -> AdmissionError {
        for export in &self.exports {
            let near = WORLDS
                .into_iter()
                .map(|world| full(v0_1::role_export(world)))
                .find(|ours| strsim::levenshtein(ours, export) <= 3);
            if let Some(nearest) = near {
                let found = escape(export);
                return AdmissionError::OtherGeneration { found, nearest };
            }
        }
        let exports: Vec<_> = self.exports.iter().map(String::as_str).collect();
        AdmissionError::NotAPlugin {
            exports: list(&exports),
        }
    }

    fn check_plugin_export(&self, world: World) -> Result<(), AdmissionError> {
        let names = self.exports.iter().filter_map(|export| Name::read(export));
        let mut plugins = names.filter(|name| name.is_ours() && name.interface == "plugin");
        match plugins.next() {
            Some(name) if name.is_spoken() => Ok(()),
            Some(name) => Err(AdmissionError::OtherGeneration {
                found: escape(&format!(
                    "{}/plugin@{}",
                    v0_1::PACKAGE,
                    name.version.unwrap_or("")
                )),
                nearest: full("plugin"),
            }),
            None => Err(AdmissionError::MissingExport {
                world,
                export: full("plugin"),
            }),
        }
    }

    fn check_imports(&self, world: World) -> Result<(), AdmissionError> {
        for import in &self.imports {
            let name = Name::read(import);
            if let Some(name) = &name
                && name.is_ours()
                && v0_1::imports(world).contains(&name.interface)
            {
                if name.is_spoken() {
                    continue;
                }
                return Err(AdmissionError::OtherGeneration {
                    found: escape(import),
                    nearest: full(name.interface),
                });
            }
            if !name.is_some_and(|name| is_linked_wasi(&name)) {
                return Err(AdmissionError::ForbiddenImport {
                    import: escape(import),
                    world,
                });
            }
        }
        Ok(())
    }
}

fn is_linked_wasi(name: &Name) -> bool {
    let path = format!("{}/{}", name.package, name.interface);
    wasi::LINKED.contains(&path.as_str())
        && name
            .version
            .is_some_and(|version| version.starts_with("0.2."))
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    let mut shown: Vec<String> = names
        .iter()
        .take(LISTED_MAX)
        .map(|name| format!("`{}`", escape(name)))
        .collect();
    if names.len() > LISTED_MAX {
        shown.push(format!("{} more", names.len() - LISTED_MAX));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shape(imports: &[&str], exports: &[&str]) -> Result<World, AdmissionError> {
        let shape = Shape {
            imports: imports.iter().map(|s| (*s).into()).collect(),
            exports: exports.iter().map(|s| (*s).into()).collect(),
        };
        let world = shape.world()?;
        shape.check_plugin_export(world)?;
        shape.check_imports(world)?;
        Ok(world)
    }

    const PLUGIN: &str = "compute:subnet/plugin@0.1.0";
    const SCORING: &str = "compute:subnet/scoring@0.1.0";

    #[test]
    fn a_policy_is_known_by_its_exports() {
        let imports = ["compute:subnet/log@0.1.0", "wasi:cli/stderr@0.2.6"];
        assert_eq!(
            shape(&imports, &[PLUGIN, SCORING]),
            Ok(World::ScoringPolicy)
        );
    }

    #[test]
    fn an_older_generation_is_told_the_nearest() {
        let refusal = shape(&[], &[PLUGIN, "compute:subnet/scoring@0.0.9"]).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "it exports `compute:subnet/scoring@0.0.9`; this node speaks \
             `compute:subnet/scoring@0.1.0`"
        );
    }

    #[test]
    fn a_mistyped_package_is_told_the_nearest() {
        let refusal = shape(&[], &["computer:subnet/scoring@0.1.0"]).unwrap_err();
        assert!(matches!(refusal, AdmissionError::OtherGeneration { .. }));
    }

    #[test]
    fn an_import_outside_the_world_is_named_in_full() {
        for import in [
            "wasi:sockets/tcp@0.2.6",
            "wasi:http/outgoing-handler@0.2.0",
            "compute:subnet/accelerator@0.1.0",
            "wasi:io/poll@0.3.0",
            "env",
        ] {
            let refusal = shape(&[import], &[PLUGIN, SCORING]).unwrap_err();
            assert!(refusal.to_string().contains(import), "{refusal}");
        }
    }

    #[test]
    fn two_worlds_at_once_and_none_at_all_are_refused() {
        let both = [PLUGIN, SCORING, "compute:subnet/solver@0.1.0"];
        assert!(matches!(
            shape(&[], &both),
            Err(AdmissionError::SeveralWorlds(_))
        ));
        let none = shape(&[], &["wasi:cli/run@0.2.0"]);
        assert!(matches!(none, Err(AdmissionError::NotAPlugin { .. })));
        let half = shape(&[], &[SCORING]);
        assert!(matches!(half, Err(AdmissionError::MissingExport { .. })));
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        assert_eq!(world_of(b"#!/bin/sh"), Err(AdmissionError::NotWasm));
        assert_eq!(
            world_of(b"\0asm\x01\0\0\0"),
            Err(AdmissionError::CoreModule)
        );
        assert!(matches!(
            world_of(b"\0asm\x0d\0\x01\0\xff\xff"),
            Err(AdmissionError::Malformed(_))
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(tail: Vec<u8>) {
            let _ = world_of(&[b"\0asm\x0d\0\x01\0".as_slice(), &tail].concat());
        }
    }
}
