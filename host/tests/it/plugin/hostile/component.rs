//! Components by hand: a core module whose every function does as it is told.
//!
//! The contract's WIT decides names and signatures, with replacements where a
//! component is to lie about it; `wit_component` wraps the module. Told nothing,
//! it behaves: it describes itself, takes any settings, scores nobody, fails
//! every challenge and answers every task with nothing.

use host::subnet::plugin::World;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemorySection,
    MemoryType, Module, RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, WorldId, WorldItem};

use super::act::{Act, HOSTCALLS, answers};

pub(super) const PAGE_BYTES: u64 = 64 << 10;
/// Where `cabi_realloc` begins to hand out memory.
const HEAP: i32 = 64 << 10;
/// The pages of one that behaves: its answers, and room for its arguments.
const PAGES: u64 = 8;

/// What a component is to be.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) world: World,
    pub(super) name: &'static str,
    /// By the function's name: `start`, `describe`, `cabi_realloc`, ...
    pub(super) acts: Vec<(&'static str, Act)>,
    /// Text of the contract, and what stands there instead.
    pub(super) lies: Vec<(&'static str, &'static str)>,
    /// Functions without arguments, imported beside those of the contract.
    pub(super) imports: Vec<(&'static str, &'static str)>,
    pub(super) memory_pages: u64,
    /// Elements of each table.
    pub(super) tables: Vec<u64>,
}

impl Recipe {
    pub(super) fn honest(world: World, name: &'static str) -> Self {
        Self {
            world,
            name,
            acts: vec![],
            lies: vec![],
            imports: vec![],
            memory_pages: PAGES,
            tables: vec![],
        }
    }

    pub(super) fn cook(&self) -> Vec<u8> {
        let (resolve, world) = self.contract();
        let mut module = self.module(&resolve, world);
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let encoder = ComponentEncoder::default().module(&module).unwrap();
        encoder.validate(true).encode().unwrap()
    }

    /// All files of the contract as one, with the lies in it.
    fn contract(&self) -> (Resolve, WorldId) {
        const PACKAGE: &str = "package compute:subnet@0.1.0;";
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/compute-subnet@0.1.0");
        let mut text = PACKAGE.to_owned();
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            text.push_str(&file.replace(PACKAGE, ""));
        }
        for (truth, lie) in &self.lies {
            assert!(text.contains(truth), "the contract does not say `{truth}`");
            text = text.replace(truth, lie);
        }
        let mut resolve = Resolve::default();
        let package = resolve.push_str("contract.wit", &text).unwrap();
        let world = self.world.to_string();
        let world = resolve.select_world(&[package], Some(&world)).unwrap();
        (resolve, world)
    }

    fn act(&self, function: &str) -> Act {
        let told = self.acts.iter().find(|(name, _)| *name == function);
        told.map_or(Act::Behave, |(_, act)| *act)
    }

    fn module(&self, resolve: &Resolve, world: WorldId) -> Vec<u8> {
        let mut parts = Parts::default();
        for (interface, name, params) in HOSTCALLS {
            let index = parts.signature(&vec![ValType::I32; params], &[]);
            parts
                .imports
                .import(interface, name, EntityType::Function(index));
            parts.functions_count += 1;
        }
        for (interface, name) in &self.imports {
            let index = parts.signature(&[], &[]);
            parts
                .imports
                .import(interface, name, EntityType::Function(index));
            parts.functions_count += 1;
        }
        let start = parts.define(&[], &[], &self.act("start").code("start"));
        parts.start = (!matches!(self.act("start"), Act::Behave)).then_some(start);
        let realloc = self.act("cabi_realloc").code("cabi_realloc");
        let realloc = parts.define(&[ValType::I32; 4], &[ValType::I32], &realloc);
        parts
            .exports
            .export("cabi_realloc", ExportKind::Func, realloc);
        for (name, params, results, function) in functions(resolve, world) {
            let code = self.act(&function).code(&function);
            let index = parts.define(&params, &results, &code);
            parts.exports.export(&name, ExportKind::Func, index);
        }
        parts.finish(self)
    }
}

/// Every function that `world` exports: its name in a module, its signature,
/// its own name.
fn functions(
    resolve: &Resolve,
    world: WorldId,
) -> Vec<(String, Vec<ValType>, Vec<ValType>, String)> {
    let mut found = Vec::new();
    for item in resolve.worlds[world].exports.values() {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let interface = resolve.id_of(*id).unwrap();
        for (name, function) in &resolve.interfaces[*id].functions {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            found.push((
                format!("{interface}#{name}"),
                signature.params.iter().map(value_type).collect(),
                signature.results.iter().map(value_type).collect(),
                name.clone(),
            ));
        }
    }
    found
}

fn value_type(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
    }
}

/// The sections of a module in the making.
#[derive(Default)]
struct Parts {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
    functions_count: u32,
    start: Option<u32>,
}

impl Parts {
    fn signature(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let index = self.types.len();
        let (params, results) = (params.iter().copied(), results.iter().copied());
        self.types.ty().function(params, results);
        index
    }

    fn define(
        &mut self,
        params: &[ValType],
        results: &[ValType],
        code: &[Instruction<'static>],
    ) -> u32 {
        let signature = self.signature(params, results);
        self.functions.function(signature);
        let mut function = Function::new([]);
        let index = self.functions_count;
        self.functions_count += 1;
        if code.is_empty() {
            // Itself, for ever.
            for local in 0..u32::try_from(params.len()).unwrap() {
                function.instruction(&Instruction::LocalGet(local));
            }
            function.instruction(&Instruction::Call(index));
        }
        for instruction in code {
            function.instruction(instruction);
        }
        function.instruction(&Instruction::End);
        self.code.function(&function);
        index
    }

    fn finish(mut self, recipe: &Recipe) -> Vec<u8> {
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: recipe.memory_pages,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        self.exports.export("memory", ExportKind::Memory, 0);
        let mut tables = TableSection::new();
        for minimum in &recipe.tables {
            tables.table(TableType {
                element_type: RefType::FUNCREF,
                table64: false,
                minimum: *minimum,
                maximum: None,
                shared: false,
            });
        }
        let mut globals = GlobalSection::new();
        let heap = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(heap, &ConstExpr::i32_const(HEAP));
        let mut data = DataSection::new();
        for (at, bytes) in answers(recipe.name) {
            data.active(0, &ConstExpr::i32_const(at), bytes);
        }
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.imports)
            .section(&self.functions)
            .section(&tables)
            .section(&memories)
            .section(&globals)
            .section(&self.exports);
        if let Some(function_index) = self.start {
            module.section(&StartSection { function_index });
        }
        module.section(&self.code).section(&data);
        module.finish()
    }
}

/// `outer` with `sections` at its end, each an id and its content.
pub(super) fn with_sections(outer: &[u8], sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = outer.to_vec();
    for (id, content) in sections {
        bytes.push(*id);
        wasm_encoder::Encode::encode(content.as_slice(), &mut bytes);
    }
    bytes
}
