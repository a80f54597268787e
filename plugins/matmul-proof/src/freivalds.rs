//! Is this row the product of that row and B, without multiplying?
//!
//! For a random vector r, product . r = input . (B r) always holds if the
//! product is true. If it is not, the difference is a vector d other than zero,
//! and for each choice of all elements of r but one where d is not zero, at
//! most one of the 65,536 values of that one makes d . r vanish: the lie passes
//! with probability at most 2^-16, and two independent vectors with 2^-32. The
//! sums are over the integers and fit 64 bits, so there is no modulus to play
//! with: |B r| <= 2^14 * 2^5 * 2^15 = 2^34, |input . (B r)| <= 2^53, and
//! |product . r| <= 2^14 * 2^31 * 2^15 = 2^60 for any 32-bit product.
//!
//! B r costs n^2 once, whatever the number of rows and rounds; B is drawn row
//! by row and never held. In the sandbox that is nearly all the work, hence
//! [`simd`]; natively a plain loop does.

#[cfg(target_arch = "wasm32")]
mod simd;

#[cfg(not(target_arch = "wasm32"))]
use crate::keystream;
use crate::{Digest, Shape};

/// Two secret vectors and what B makes of them.
pub struct Freivalds {
    repetitions: [Repetition; 2],
}

struct Repetition {
    vector: Vec<i16>,
    image: Vec<i64>,
}

impl Freivalds {
    /// Draws all of B, once.
    #[must_use]
    pub fn new(shape: Shape, right_seed: &Digest, vectors: [Vec<i16>; 2]) -> Self {
        let [first, second] = images(right_seed, shape.n(), &vectors);
        let [r, s] = vectors;
        Self {
            repetitions: [
                Repetition {
                    vector: r,
                    image: first,
                },
                Repetition {
                    vector: s,
                    image: second,
                },
            ],
        }
    }

    /// Whether `product` may be `input` times B. Both have `n` elements.
    #[must_use]
    pub fn accepts(&self, input: &[u8], product: &[i32]) -> bool {
        self.repetitions.iter().all(|repetition| {
            let claimed: i64 = product
                .iter()
                .zip(&repetition.vector)
                .map(|(p, r)| i64::from(*p) * i64::from(*r))
                .sum();
            let expected: i64 = input
                .iter()
                .zip(&repetition.image)
                .map(|(x, y)| i64::from(x.cast_signed()) * y)
                .sum();
            claimed == expected
        })
    }
}

#[cfg(target_arch = "wasm32")]
fn images(right_seed: &Digest, n: u32, vectors: &[Vec<i16>; 2]) -> [Vec<i64>; 2] {
    simd::images(right_seed, n, vectors)
}

#[cfg(not(target_arch = "wasm32"))]
fn images(right_seed: &Digest, n: u32, vectors: &[Vec<i16>; 2]) -> [Vec<i64>; 2] {
    let mut images = [Vec::new(), Vec::new()];
    for index in 0..n {
        let row = keystream::row(right_seed, index, n);
        for (image, vector) in images.iter_mut().zip(vectors) {
            image.push(
                row.iter()
                    .zip(vector)
                    .map(|(b, r)| i64::from(b.cast_signed()) * i64::from(*r))
                    .sum(),
            );
        }
    }
    images
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Secrets, reference};

    fn checked_row() -> (Freivalds, Vec<u8>, Vec<i32>) {
        let shape = Shape::new(1, 256, 1).unwrap();
        let vectors = Secrets::new([9; 32]).vectors(shape.n());
        let input = keystream::row(&[1; 32], 0, 256);
        let product = reference::times(&input, &reference::matrix(&[2; 32], 256));
        (Freivalds::new(shape, &[2; 32], vectors), input, product)
    }

    #[test]
    fn a_true_product_is_accepted() {
        let (check, input, product) = checked_row();
        assert!(check.accepts(&input, &product));
    }

    #[test]
    fn any_one_wrong_element_is_refused() {
        let (check, input, product) = checked_row();
        for index in 0..product.len() {
            let mut wrong = product.clone();
            wrong[index] = wrong[index].wrapping_add(1);
            assert!(!check.accepts(&input, &wrong), "element {index}");
        }
    }

    #[test]
    fn extreme_products_do_not_overflow() {
        let shape = Shape::new(1, 16_384, 1).unwrap();
        let check = Freivalds {
            repetitions: [(); 2].map(|()| Repetition {
                vector: vec![i16::MIN; 16_384],
                image: vec![-(1 << 34); 16_384],
            }),
        };
        let input = vec![32_u8.wrapping_neg(); shape.row_bytes()];
        assert!(!check.accepts(&input, &vec![i32::MIN; 16_384]));
    }
}
