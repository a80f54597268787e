//! What an operation costs in fuel: part of the contract, not of wasmtime.
//!
//! Every operation costs one, except those that generate no code (nop, drop,
//! block, loop, else, end, return, unreachable), which cost nothing; bulk
//! operations cost one more for each byte or element they touch, and growing a
//! memory costs [`GROW_PAGE`] a page. A recorded epoch replays only under the
//! costs it ran under, so a change here is a change of generation.

use wasmtime::{OperatorCost, VariableOperatorCost};

/// Zeroing a page of 64 KiB takes about as long as this many operations.
const GROW_PAGE: u8 = 255;

/// The table of this generation, written out where wasmtime's default could move.
pub(super) fn table() -> OperatorCost {
    OperatorCost {
        Nop: 0,
        Drop: 0,
        Block: 0,
        Loop: 0,
        Else: 0,
        End: 0,
        Return: 0,
        Unreachable: 0,
        Call: 1,
        CallIndirect: 1,
        variable: VariableOperatorCost {
            memory_copy_per_byte: 1,
            memory_fill_per_byte: 1,
            memory_init_per_byte: 1,
            memory_grow_per_page: GROW_PAGE,
            table_copy_per_element: 1,
            table_fill_per_element: 1,
            table_init_per_element: 1,
            table_grow_per_element: 1,
            ..VariableOperatorCost::new()
        },
        ..OperatorCost::new()
    }
}
