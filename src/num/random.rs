//! Counter-based random numbers: a draw is a pure function of (seed, stream, step, lane).
//!
//! Philox4x32-10 of Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11,
//! checked against the known-answer vectors of the authors' Random123 library. Nothing is advanced, so results do not
//! depend on threads, on the order of calls or on how many lanes are drawn at once. The key is mixed from
//! `(seed, stream)`; the counter is `(block of lane, step)`. One Philox block holds 128 bits, which serve two lanes:
//! lane `l` takes half `(l / 16) % 2` of block `(l / 32) * 16 + l % 16`, so that sixteen blocks fill thirty-two
//! consecutive lanes without a shuffle. The f32 draw of a lane is the f64 draw of the same lane cut to 23 bits: a world
//! simulated in single precision has common random numbers with one in double.
//!
//! Sequential use (shuffles, initial weights, distributions of the `rand` crate) goes through [`Stream`].

use rand::TryRng;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;
/// Blocks computed side by side.
const WIDTH: usize = 16;
/// Salt that keeps sequential streams apart from lane draws with the same (seed, stream).
const SEQUENTIAL: u64 = 0x5EED_0F5E_9EE7_1A15;

/// The key of one stream of draws, mixed once from a seed and the stream's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key([u32; 2]);

impl Key {
    /// The key of stream `stream` under `seed`. Different pairs give unrelated keys.
    pub fn new(seed: u64, stream: u64) -> Key {
        let mixed = mix(mix(seed.wrapping_add(0x9E37_79B9_7F4A_7C15)) ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03));
        Key([mixed as u32, (mixed >> 32) as u32])
    }

    /// The key of a sub-stream: for a hierarchy (episode, member, purpose) below one stream.
    pub fn child(self, number: u64) -> Key {
        Key::new(self.0[0] as u64 | (self.0[1] as u64) << 32, number)
    }

    /// 64 random bits of `lane` at `step`.
    pub fn bits(self, step: u64, lane: u64) -> u64 {
        let block = (lane / 32) * 16 + lane % 16;
        let half = ((lane / 16) % 2) as usize;
        let words = philox(
            [block as u32, (block >> 32) as u32, step as u32, (step >> 32) as u32],
            self.0,
        );
        words[2 * half] as u64 | (words[2 * half + 1] as u64) << 32
    }

    /// A uniform number in the open interval (0, 1): an odd multiple of 2^-53.
    pub fn uniform(self, step: u64, lane: u64) -> f64 {
        open_f64(self.bits(step, lane))
    }

    /// Fills `out`, one number per lane, with uniforms in (0, 1) of the lanes `first, first + 1, ..` at `step`.
    pub fn fill_f64(self, step: u64, first: u64, out: &mut [f64]) {
        self.fill(step, first, out);
    }

    /// As [`Key::fill_f64`], one number per lane, in single precision: odd multiples of 2^-24.
    pub fn fill_f32(self, step: u64, first: u64, out: &mut [f32]) {
        self.fill(step, first, out);
    }

    fn fill<T: Draw>(self, step: u64, first: u64, out: &mut [T]) {
        // Lanes up to the next multiple of 32 one by one, then whole groups, then the rest.
        let head = ((32 - first % 32) % 32).min(out.len() as u64) as usize;
        let (head, rest) = out.split_at_mut(head);
        for (i, x) in head.iter_mut().enumerate() {
            *x = T::draw(self.bits(step, first.wrapping_add(i as u64)));
        }
        let start = first.wrapping_add(head.len() as u64);
        let mut groups = rest.chunks_exact_mut(32);
        let mut lane = start;
        for group in &mut groups {
            fill_group(self.0, step, lane, group);
            lane = lane.wrapping_add(32);
        }
        for (i, x) in groups.into_remainder().iter_mut().enumerate() {
            *x = T::draw(self.bits(step, lane.wrapping_add(i as u64)));
        }
    }
}

/// What can be made from 64 random bits.
trait Draw: Copy {
    fn draw(bits: u64) -> Self;
}
impl Draw for f64 {
    #[inline(always)]
    fn draw(bits: u64) -> f64 {
        open_f64(bits)
    }
}
impl Draw for f32 {
    #[inline(always)]
    fn draw(bits: u64) -> f32 {
        // The top 23 bits as a number in [1, 2), moved to the middle of its cell.
        f32::from_bits((bits >> 41) as u32 | 0x3F80_0000) - (1.0 - 0.5 * f32::EPSILON)
    }
}
impl Draw for u64 {
    #[inline(always)]
    fn draw(bits: u64) -> u64 {
        bits
    }
}

#[inline(always)]
fn open_f64(bits: u64) -> f64 {
    f64::from_bits((bits >> 12) | 0x3FF0_0000_0000_0000) - (1.0 - 0.5 * f64::EPSILON)
}

/// Thirty-two lanes from sixteen blocks, written so that the compiler uses vectors.
#[inline(always)]
fn fill_group<T: Draw>(key: [u32; 2], step: u64, lane: u64, out: &mut [T]) {
    let first_block = lane / 2;
    let mut c0 = [0u32; WIDTH];
    let mut c1 = [0u32; WIDTH];
    let mut c2 = [step as u32; WIDTH];
    let mut c3 = [(step >> 32) as u32; WIDTH];
    for j in 0..WIDTH {
        let block = first_block + j as u64;
        c0[j] = block as u32;
        c1[j] = (block >> 32) as u32;
    }
    let mut k = key;
    for _ in 0..ROUNDS {
        for j in 0..WIDTH {
            let p0 = MULTIPLIER[0] as u64 * c0[j] as u64;
            let p1 = MULTIPLIER[1] as u64 * c2[j] as u64;
            c0[j] = (p1 >> 32) as u32 ^ c1[j] ^ k[0];
            c1[j] = p1 as u32;
            c2[j] = (p0 >> 32) as u32 ^ c3[j] ^ k[1];
            c3[j] = p0 as u32;
        }
        k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
    }
    let (low, high) = out.split_at_mut(WIDTH);
    for j in 0..WIDTH {
        low[j] = T::draw(c0[j] as u64 | (c1[j] as u64) << 32);
        high[j] = T::draw(c2[j] as u64 | (c3[j] as u64) << 32);
    }
}

/// One Philox4x32-10 block.
fn philox(mut c: [u32; 4], mut k: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let p0 = MULTIPLIER[0] as u64 * c[0] as u64;
        let p1 = MULTIPLIER[1] as u64 * c[2] as u64;
        c = [
            (p1 >> 32) as u32 ^ c[1] ^ k[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ c[3] ^ k[1],
            p0 as u32,
        ];
        k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
    }
    c
}

/// Finaliser of splitmix64 (Steele, Lea and Flood 2014): a bijection of 64 bits.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A sequential generator on a counter-based stream, usable wherever `rand` wants one. Its position can be read and
/// set, so a run that is resumed continues to the bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    key: Key,
    /// 32-bit words handed out so far.
    position: u64,
    block: [u32; 4],
}

impl Stream {
    /// The stream `stream` under `seed`, at its start.
    pub fn new(seed: u64, stream: u64) -> Stream {
        Stream {
            key: Key::new(seed ^ SEQUENTIAL, stream),
            position: 0,
            block: [0; 4],
        }
    }

    /// Number of 32-bit words handed out so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Continues after `position` words, as read by [`Stream::position`].
    pub fn set_position(&mut self, position: u64) {
        self.position = position;
        if !position.is_multiple_of(4) {
            self.block = self.block_at(position / 4);
        }
    }

    fn block_at(&self, number: u64) -> [u32; 4] {
        philox([number as u32, (number >> 32) as u32, 0, 0], self.key.0)
    }

    fn word(&mut self) -> u32 {
        let at = (self.position % 4) as usize;
        if at == 0 {
            self.block = self.block_at(self.position / 4);
        }
        self.position = self.position.wrapping_add(1);
        self.block[at]
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = self.word() as u64;
        Ok(low | (self.word() as u64) << 32)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(4) {
            let bytes = self.word().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::distr::{Distribution, Uniform};
    use rand::seq::SliceRandom;
    use rand::{Rng, RngExt};

    /// `kat_vectors` of Random123 1.09, lines "philox4x32 10".
    #[test]
    fn philox_gives_the_published_known_answers() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn a_lane_draws_the_same_wherever_the_block_starts() {
        let key = Key::new(7, 3);
        for first in [0u64, 1, 15, 16, 31, 32, 33, 1000] {
            for n in [0usize, 1, 2, 31, 32, 33, 100, 257] {
                let mut wide = vec![0.0; n];
                key.fill_f64(5, first, &mut wide);
                let mut single = vec![0.0f32; n];
                key.fill_f32(5, first, &mut single);
                for i in 0..n {
                    let alone = key.uniform(5, first + i as u64);
                    assert_eq!(wide[i], alone);
                    assert!((single[i] as f64 - alone).abs() <= 0.5f64.powi(24));
                }
            }
        }
    }

    #[test]
    fn uniforms_lie_strictly_inside_the_unit_interval() {
        assert_eq!(f64::draw(0), 0.5f64.powi(53));
        assert_eq!(f64::draw(u64::MAX), 1.0 - 0.5f64.powi(53));
        assert_eq!(f32::draw(0), 0.5f32.powi(24));
        assert_eq!(f32::draw(u64::MAX), 1.0 - 0.5f32.powi(24));
    }

    #[test]
    fn moments_and_serial_correlation_are_those_of_uniforms() {
        let n = 1 << 18;
        let mut x = vec![0.0; n];
        let mut y = vec![0.0; n];
        Key::new(1, 2).fill_f64(9, 0, &mut x);
        for (neighbour, name) in [
            (Key::new(1, 2), "next step"),
            (Key::new(1, 3), "next stream"),
            (Key::new(2, 2), "next seed"),
        ] {
            neighbour.fill_f64(if name == "next step" { 10 } else { 9 }, 0, &mut y);
            let mean = x.iter().sum::<f64>() / n as f64;
            let var = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
            let cov = x.iter().zip(&y).map(|(a, b)| (a - 0.5) * (b - 0.5)).sum::<f64>() / n as f64;
            let lag = x.windows(2).map(|w| (w[0] - 0.5) * (w[1] - 0.5)).sum::<f64>() / n as f64;
            let five_sigma = 5.0 / 12.0 / (n as f64).sqrt();
            assert!((mean - 0.5).abs() < 5.0 / (12.0 * n as f64).sqrt());
            assert!((var - 1.0 / 12.0).abs() < 1e-3);
            assert!(cov.abs() < five_sigma, "{name}: {cov}");
            assert!(lag.abs() < five_sigma);
        }
    }

    #[test]
    fn a_stream_serves_the_rand_crate_and_resumes_to_the_bit() {
        let mut a = Stream::new(11, 0);
        let first: Vec<f64> = (0..7).map(|_| Uniform::new(0.0, 2.0).unwrap().sample(&mut a)).collect();
        assert!(first.iter().all(|v| (0.0..2.0).contains(v)));
        let mut order: Vec<u32> = (0..50).collect();
        order.shuffle(&mut a);
        let mut sorted = order.clone();
        sorted.sort();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
        assert_ne!(sorted, order);
        let _ = a.next_u32();
        let mut b = Stream::new(11, 0);
        b.set_position(a.position());
        assert_eq!(a.random::<u64>(), b.random::<u64>());
        let mut bytes = [0u8; 7];
        a.fill_bytes(&mut bytes);
        let mut again = [0u8; 7];
        b.fill_bytes(&mut again);
        assert_eq!(bytes, again);
    }
}
