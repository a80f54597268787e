//! Every way to cheat that we know of, each refused for its own reason, with
//! few enough rows that all can be opened.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use crate::{
    Digest, Flaw, Secrets, Seeds, Shape, keystream, merkle, reference,
    reference::Prover,
    verify::verify,
    wire::{self, DEVICE_AUTO, Task},
};

const ROWS: u32 = 8;
const ROUNDS: u32 = 3;

struct Session {
    task: Task,
    seeds: Seeds,
    secrets: Secrets,
}

impl Session {
    fn new(seed: u8) -> Self {
        let secrets = Secrets::new([seed; 32]);
        let task = Task {
            device: DEVICE_AUTO,
            shape: Shape::new(ROWS, 256, ROUNDS).unwrap(),
            nonce: secrets.nonce(),
        };
        Self {
            task,
            seeds: Seeds::derive(&task.nonce, "validator", "miner", "session"),
            secrets,
        }
    }

    fn honest(&self) -> Prover {
        Prover::compute(&self.task, "validator", "miner", "session")
    }

    /// The verdict on a prover that is asked for all rows.
    fn judge(&self, prover: &Prover) -> Result<(), Flaw> {
        self.judge_answer(prover, &all(), &prover.open(&all()))
    }

    fn judge_answer(&self, prover: &Prover, rows: &[u32], answer: &[u8]) -> Result<(), Flaw> {
        let roots = wire::decode_roots(self.task.shape, &prover.roots())?;
        verify(
            self.task.shape,
            &self.seeds,
            &self.secrets,
            &roots,
            rows,
            answer,
        )
    }

    /// Every round from `first` on, again, from the inputs as they now are.
    fn recompute(&self, prover: &mut Prover, first: usize) {
        let right = reference::matrix(&self.seeds.right, self.task.shape.n());
        for round in first..prover.products.len() {
            let inputs = prover.inputs[round].clone();
            for (row, input) in inputs.iter().enumerate() {
                let product = reference::times(input, &right);
                prover.inputs[round + 1][row] = reference::reduced(&product);
                prover.products[round][row] = product;
            }
        }
    }
}

fn all() -> Vec<u32> {
    (0..ROWS).collect()
}

#[test]
fn an_honest_miner_passes() {
    let session = Session::new(1);
    assert_eq!(session.judge(&session.honest()), Ok(()));
}

#[test]
fn one_row_and_one_round_are_enough_for_a_job() {
    let shape = Shape::new(1, 256, 1).unwrap();
    let seeds = Seeds::derive(&[0; 32], "v", "m", "s");
    let prover = Prover::with_seeds(shape, &seeds);
    let roots = wire::decode_roots(shape, &prover.roots()).unwrap();
    let secrets = Secrets::new([1; 32]);
    let verdict = verify(shape, &seeds, &secrets, &roots, &[0], &prover.open(&[0]));
    assert_eq!(verdict, Ok(()));
}

#[test]
fn rows_opened_without_multiplying_fail() {
    let session = Session::new(2);
    let mut prover = session.honest();
    for (rows, products) in prover.inputs[1..].iter_mut().zip(&mut prover.products) {
        for (row, product) in rows.iter_mut().zip(products) {
            product.fill(640);
            *row = reference::reduced(product);
        }
    }
    assert_eq!(
        session.judge(&prover),
        Err(Flaw::WrongProduct { row: 0, round: 1 })
    );
}

#[test]
fn the_true_product_does_not_save_a_commitment_made_without_it() {
    let session = Session::new(3);
    let honest = session.honest();
    let mut prover = honest.clone();
    prover.inputs[2][5] = vec![0; 256];
    assert_eq!(
        session.judge(&prover),
        Err(Flaw::OtherOutput { row: 5, round: 2 })
    );
}

#[test]
fn a_task_relayed_to_another_miner_fails() {
    let session = Session::new(4);
    for (validator, miner, id) in [
        ("validator", "honest miner", "session"),
        ("other", "miner", "session"),
        ("validator", "miner", "other session"),
    ] {
        let relayed = Prover::compute(&session.task, validator, miner, id);
        assert_eq!(session.judge(&relayed), Err(Flaw::OtherInput { row: 0 }));
    }
}

#[test]
fn a_product_with_another_right_matrix_fails() {
    let session = Session::new(5);
    let mut seeds = session.seeds;
    seeds.right = [0; 32];
    let prover = Prover::with_seeds(session.task.shape, &seeds);
    assert_eq!(
        session.judge(&prover),
        Err(Flaw::WrongProduct { row: 0, round: 1 })
    );
}

#[test]
fn a_precomputed_proof_fails_in_a_new_session() {
    let (old, new) = (Session::new(6), Session::new(7));
    assert_eq!(new.judge(&old.honest()), Err(Flaw::OtherInput { row: 0 }));
}

#[test]
fn a_skipped_round_fails() {
    let session = Session::new(8);
    let mut prover = session.honest();
    // X(2) is passed off for X(3).
    prover.inputs[3] = prover.inputs[2].clone();
    prover.products[2] = prover.products[1].clone();
    assert_eq!(
        session.judge(&prover),
        Err(Flaw::WrongProduct { row: 0, round: 3 })
    );
}

#[test]
fn a_miner_that_computed_part_of_the_rows_fails_when_another_is_drawn() {
    let session = Session::new(9);
    let mut prover = session.honest();
    for row in 4..8 {
        prover.products[0][row].fill(0);
        prover.inputs[1][row] = reference::reduced(&prover.products[0][row]);
    }
    session.recompute(&mut prover, 1);
    let computed = [0, 1, 2, 3];
    assert_eq!(
        session.judge_answer(&prover, &computed, &prover.open(&computed)),
        Ok(())
    );
    assert_eq!(
        session.judge_answer(&prover, &[3, 4], &prover.open(&[3, 4])),
        Err(Flaw::WrongProduct { row: 4, round: 1 })
    );
}

#[test]
fn a_cheat_with_half_the_rows_passes_as_rarely_as_stated() {
    // f = 1/2, k = 2 of 8 rows: 4/8 * 3/7 = 3/14 of the draws.
    let lucky = (0..=255_u8)
        .filter(|seed| {
            Secrets::new([*seed; 32])
                .rows(8, 2)
                .iter()
                .all(|row| *row < 4)
        })
        .count();
    assert!((35..=75).contains(&lucky), "{lucky} of 256, 55 expected");
}

#[test]
fn one_row_repeated_so_that_later_rounds_are_cheap_fails() {
    let session = Session::new(10);
    let mut prover = session.honest();
    // Every later cell is true; only round 1 is a lie.
    let row = prover.inputs[1][0].clone();
    prover.inputs[1].fill(row);
    let product = prover.products[0][0].clone();
    prover.products[0].fill(product);
    session.recompute(&mut prover, 1);
    for row in 1..ROWS {
        assert_eq!(
            session.judge_answer(&prover, &[row], &prover.open(&[row])),
            Err(Flaw::WrongProduct { row, round: 1 })
        );
    }
}

#[test]
fn an_input_of_low_rank_fails() {
    let session = Session::new(11);
    let mut prover = session.honest();
    let row = prover.inputs[0][3].clone();
    prover.inputs[0].fill(row);
    session.recompute(&mut prover, 0);
    assert_eq!(session.judge(&prover), Err(Flaw::OtherInput { row: 0 }));
}

#[test]
fn a_product_truncated_to_half_the_inner_dimension_fails() {
    let session = Session::new(12);
    let mut prover = session.honest();
    let right = reference::matrix(&session.seeds.right, 256);
    let mut input = prover.inputs[0][0].clone();
    input[128..].fill(0);
    prover.products[0][0] = reference::times(&input, &right);
    prover.inputs[1][0] = reference::reduced(&prover.products[0][0]);
    session.recompute(&mut prover, 1);
    assert_eq!(
        session.judge(&prover),
        Err(Flaw::WrongProduct { row: 0, round: 1 })
    );
}

#[test]
fn a_product_that_only_reduces_to_the_same_row_fails() {
    let session = Session::new(13);
    let mut prover = session.honest();
    prover.products[1][2][7] ^= 1 << 12;
    assert_eq!(
        session.judge(&prover),
        Err(Flaw::WrongProduct { row: 2, round: 2 })
    );
}

#[test]
fn another_s_roots_or_stale_roots_do_not_open() {
    let session = Session::new(14);
    let honest = session.honest();
    let stale = Session::new(15).honest();
    let answer = honest.open(&all());
    assert_eq!(
        session.judge_answer(&stale, &all(), &answer),
        Err(Flaw::OtherInput { row: 0 })
    );
    let mut late = honest.clone();
    late.inputs[3] = stale.inputs[3].clone();
    assert_eq!(
        session.judge_answer(&late, &all(), &answer),
        Err(Flaw::OtherOutput { row: 0, round: 3 })
    );
}

#[test]
fn other_rows_doubled_rows_and_another_order_fail() {
    let session = Session::new(16);
    let prover = session.honest();
    for (opened, asked) in [([1, 2], [1, 3]), ([1, 1], [1, 2]), ([2, 1], [1, 2])] {
        assert!(
            matches!(
                session.judge_answer(&prover, &asked, &prover.open(&opened)),
                Err(Flaw::OtherRow { .. })
            ),
            "{opened:?} for {asked:?}"
        );
    }
}

#[test]
fn a_row_under_another_row_s_number_fails() {
    let session = Session::new(17);
    let prover = session.honest();
    let mut answer = prover.open(&[1]);
    answer[8..12].copy_from_slice(&2_u32.to_le_bytes());
    assert_eq!(
        session.judge_answer(&prover, &[2], &answer),
        Err(Flaw::OtherInput { row: 2 })
    );
}

#[test]
fn openings_of_any_other_size_are_refused_unread() {
    let session = Session::new(18);
    let prover = session.honest();
    let answer = prover.open(&[1, 2]);
    let fewer = prover.open(&[1]);
    let more = prover.open(&[1, 2, 3]);
    let oversized = vec![0; 4 << 20];
    let mut short_path = answer.clone();
    short_path.truncate(answer.len() - 32);
    let mut long_path = answer.clone();
    long_path.extend([0; 32]);
    for wrong in [
        &fewer,
        &more,
        &oversized,
        &short_path,
        &long_path,
        &Vec::new(),
    ] {
        assert!(
            matches!(
                session.judge_answer(&prover, &[1, 2], wrong),
                Err(Flaw::Malformed(_))
            ),
            "{} bytes",
            wrong.len()
        );
    }
}

#[test]
fn a_path_that_shifts_one_hash_to_the_next_round_is_refused() {
    let session = Session::new(19);
    let prover = session.honest();
    let mut answer = prover.open(&[4]);
    // One hash too few in X(0), and one too many at the end.
    let hash: Vec<u8> = answer.drain(12..44).collect();
    answer.extend(hash);
    assert_eq!(
        session.judge_answer(&prover, &[4], &answer),
        Err(Flaw::OtherInput { row: 4 })
    );
}

#[test]
fn an_inner_node_passed_off_as_a_row_fails() {
    // Leaves and nodes are told apart by their prefix.
    let (left, right): (Digest, Digest) = ([1; 32], [2; 32]);
    let mut both = left.to_vec();
    both.extend(right);
    assert_ne!(merkle::leaf(&both), merkle::node(&left, &right));
}

#[test]
fn the_row_of_the_input_is_that_of_the_whole_matrix() {
    let rows = reference::matrix(&[3; 32], 512);
    assert_eq!(rows[17], keystream::row(&[3; 32], 17, 512));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_to_an_honest_answer_never_passes(
        place in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let session = Session::new(20);
        let prover = session.honest();
        let mut answer = prover.open(&[2, 6]);
        *place.get_mut(&mut answer) ^= flip;
        prop_assert!(session.judge_answer(&prover, &[2, 6], &answer).is_err());
    }

    #[test]
    fn damage_to_honest_roots_never_passes(
        place in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let session = Session::new(21);
        let mut answer = session.honest().roots();
        *place.get_mut(&mut answer) ^= flip;
        prop_assert!(wire::decode_roots(session.task.shape, &answer).is_err());
    }

    #[test]
    fn roots_damaged_before_they_were_hashed_never_pass(
        which in 0..4_usize,
        byte in 0..32_usize,
        flip in 1..=255_u8,
    ) {
        let session = Session::new(22);
        let prover = session.honest();
        let mut roots = wire::decode_roots(session.task.shape, &prover.roots()).unwrap();
        roots[which][byte] ^= flip;
        let verdict = verify(
            session.task.shape, &session.seeds, &session.secrets, &roots, &[0], &prover.open(&[0]),
        );
        prop_assert!(verdict.is_err());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let session = Session::new(23);
        let _ = wire::Request::decode(&bytes);
        prop_assert!(wire::decode_roots(session.task.shape, &bytes).is_err());
        let verdict = verify(
            session.task.shape, &session.seeds, &session.secrets, &[[0; 32]; 4], &[1], &bytes,
        );
        prop_assert!(verdict.is_err());
    }

    #[test]
    fn any_content_of_the_right_length_is_refused(fill in any::<u8>()) {
        let session = Session::new(24);
        let prover = session.honest();
        let mut answer = prover.open(&[3]);
        answer[12..].fill(fill);
        prop_assert!(session.judge_answer(&prover, &[3], &answer).is_err());
    }
}
