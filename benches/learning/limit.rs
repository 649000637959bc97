//! The limit that PPO is measured against: two nets of 2 x 64 and CartPole, written for this one problem.
//!
//! Sizes are constants, nothing is allocated after the start, forward and backward pass of four rows happen while these rows are in the
//! nearest cache, bias, tangent and derivative are applied to registers, and one pass of Adam moves all parameters.
//! It is a whole learner (its return rises, see [`Limit::run`]), so that no work is forgotten.
#![allow(unsafe_code, reason = "register tiles of matrix products, for this file alone")]

use crate::clock;

const IN: usize = 4;
const H: usize = 64;
const ACTIONS: usize = 2;
/// Parameters of a net with so many outputs: weights and biases of each layer, the last layer's weights transposed.
const fn params(outputs: usize) -> usize {
    IN * H + H + H * H + H + outputs * H + outputs
}
const ACTOR: usize = params(ACTIONS);
const CRITIC: usize = params(1);
const ALL: usize = ACTOR + CRITIC;

/// What is played and learnt.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Worlds side by side; a multiple of four.
    pub worlds: usize,
    /// Periods between updates.
    pub horizon: usize,
    /// Passes over what was played.
    pub epochs: usize,
    /// Rows of a gradient step; a multiple of four.
    pub minibatch: usize,
}

/// Sixteen numbers.
trait Lanes: Copy {
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(p: *const f32) -> Self;
    unsafe fn store(self, p: *mut f32);
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    unsafe fn div(self, b: Self) -> Self;
    unsafe fn clamp(self, bound: f32) -> Self;
    unsafe fn sum(self) -> f32;
}

#[derive(Clone, Copy)]
struct Plain([f32; 16]);

impl Lanes for Plain {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Plain([x; 16])
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller gives sixteen numbers.
        Plain(unsafe { p.cast::<[f32; 16]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: as above.
        unsafe { p.cast::<[f32; 16]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i].mul_add(b.0[i], c.0[i])))
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i] * b.0[i]))
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i] / b.0[i]))
    }
    #[inline(always)]
    unsafe fn clamp(self, bound: f32) -> Self {
        Plain(self.0.map(|x| x.clamp(-bound, bound)))
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        self.0.iter().sum()
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// Sixteen numbers in one register. All functions: SAFETY: only called inside functions with AVX-512.
    #[derive(Clone, Copy)]
    pub struct Wide(__m512);

    impl Lanes for Wide {
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            unsafe { Wide(_mm512_set1_ps(x)) }
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self {
            unsafe { Wide(_mm512_loadu_ps(p)) }
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut f32) {
            unsafe { _mm512_storeu_ps(p, self.0) }
        }
        #[inline(always)]
        unsafe fn fma(self, b: Self, c: Self) -> Self {
            unsafe { Wide(_mm512_fmadd_ps(self.0, b.0, c.0)) }
        }
        #[inline(always)]
        unsafe fn mul(self, b: Self) -> Self {
            unsafe { Wide(_mm512_mul_ps(self.0, b.0)) }
        }
        #[inline(always)]
        unsafe fn div(self, b: Self) -> Self {
            unsafe { Wide(_mm512_div_ps(self.0, b.0)) }
        }
        #[inline(always)]
        unsafe fn clamp(self, bound: f32) -> Self {
            unsafe {
                Wide(_mm512_min_ps(
                    _mm512_max_ps(self.0, _mm512_set1_ps(-bound)),
                    _mm512_set1_ps(bound),
                ))
            }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            unsafe { _mm512_reduce_add_ps(self.0) }
        }
    }
}

/// `tanh` as the rational function that the learners use too.
#[inline(always)]
unsafe fn tanh<V: Lanes>(x: V) -> V {
    // SAFETY: arithmetic on registers; the caller has the features.
    unsafe {
        let x = x.clamp(7.998_811_7);
        let s = x.mul(x);
        let mut p = s.fma(V::splat(-2.760_768_5e-16), V::splat(2.000_188e-13));
        for c in [
            -8.604_672e-11,
            5.122_297e-8,
            1.485_722_4e-5,
            6.372_619e-4,
            4.893_524_6e-3,
        ] {
            p = s.fma(p, V::splat(c));
        }
        let mut q = s.fma(V::splat(1.198_258_4e-6), V::splat(1.185_347_1e-4));
        for c in [2.268_434_6e-3, 4.893_525e-3] {
            q = s.fma(q, V::splat(c));
        }
        x.mul(p).div(q)
    }
}

/// `R` rows of `start + a b`, 64 columns wide: `a[r, l]` stands at `r * row + l * column`, `b` is row-major.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize>(
    inner: usize,
    a: *const f32,
    (row, column): (usize, usize),
    b: *const f32,
    start: Option<*const f32>,
) -> [[V; 4]; R] {
    // SAFETY: the caller gives pointers to that much.
    unsafe {
        let mut sum = [[V::splat(0.0); 4]; R];
        if let Some(start) = start {
            for s in &mut sum {
                for (v, x) in s.iter_mut().enumerate() {
                    *x = V::load(start.add(16 * v));
                }
            }
        }
        for l in 0..inner {
            let mut y = [V::splat(0.0); 4];
            for (v, y) in y.iter_mut().enumerate() {
                *y = V::load(b.add(l * H + 16 * v));
            }
            for (r, s) in sum.iter_mut().enumerate() {
                let x = V::splat(*a.add(r * row + l * column));
                for v in 0..4 {
                    s[v] = x.fma(y[v], s[v]);
                }
            }
        }
        sum
    }
}

/// Where the parameters of a net stand.
#[derive(Clone, Copy)]
struct Net {
    w1: usize,
    b1: usize,
    w2: usize,
    b2: usize,
    w3: usize,
    b3: usize,
}

const fn net(at: usize, outputs: usize) -> Net {
    let w2 = at + IN * H + H;
    let w3 = w2 + H * H + H;
    Net {
        w1: at,
        b1: at + IN * H,
        w2,
        b2: w2 + H * H,
        w3,
        b3: w3 + outputs * H,
    }
}

/// Four rows forward: hidden layers into `h1` and `h2`, `O` outputs a row.
#[inline(always)]
unsafe fn forward<V: Lanes, const O: usize>(
    p: *const f32,
    n: Net,
    x: *const f32,
    h1: *mut f32,
    h2: *mut f32,
) -> [[f32; O]; 4] {
    // SAFETY: the caller gives four rows of each.
    unsafe {
        let s = tile::<V, 4>(IN, x, (IN, 1), p.add(n.w1), Some(p.add(n.b1)));
        for (r, row) in s.iter().enumerate() {
            for (v, x) in row.iter().enumerate() {
                tanh(*x).store(h1.add(r * H + 16 * v));
            }
        }
        let mut s = tile::<V, 4>(H, h1, (H, 1), p.add(n.w2), Some(p.add(n.b2)));
        let mut out = [[0.0; O]; 4];
        for (r, row) in s.iter_mut().enumerate() {
            for (v, x) in row.iter_mut().enumerate() {
                *x = tanh(*x);
                x.store(h2.add(r * H + 16 * v));
            }
            for (o, y) in out[r].iter_mut().enumerate() {
                let w = p.add(n.w3 + o * H);
                let mut sum = row[0].mul(V::load(w));
                for v in 1..4 {
                    sum = row[v].fma(V::load(w.add(16 * v)), sum);
                }
                *y = sum.sum() + *p.add(n.b3 + o);
            }
        }
        out
    }
}

/// The same four rows backward: derivatives before the tangents into `d1` and `d2`; `t` is the second matrix transposed.
#[inline(always)]
unsafe fn backward<V: Lanes, const O: usize>(
    p: *const f32,
    n: Net,
    t: *const f32,
    dout: &[[f32; O]; 4],
    (h1, h2): (*const f32, *const f32),
    (d1, d2): (*mut f32, *mut f32),
) {
    // SAFETY: the caller gives four rows of each.
    unsafe {
        let one = V::splat(1.0);
        let slope = |h: V, d: V| h.mul(V::splat(-1.0)).fma(h, one).mul(d);
        for r in 0..4 {
            for v in 0..4 {
                let at = 16 * v;
                let mut d = V::splat(dout[r][0]).mul(V::load(p.add(n.w3 + at)));
                for o in 1..O {
                    d = V::splat(dout[r][o]).fma(V::load(p.add(n.w3 + o * H + at)), d);
                }
                slope(V::load(h2.add(r * H + at)), d).store(d2.add(r * H + at));
            }
        }
        let s = tile::<V, 4>(H, d2, (H, 1), t, None);
        for (r, row) in s.iter().enumerate() {
            for (v, d) in row.iter().enumerate() {
                let at = r * H + 16 * v;
                slope(V::load(h1.add(at)), *d).store(d1.add(at));
            }
        }
    }
}

/// Derivatives with respect to the parameters from a whole minibatch.
#[inline(always)]
unsafe fn gradient<V: Lanes, const O: usize>(g: *mut f32, n: Net, rows: usize, x: *const f32, s: &Side) {
    // SAFETY: the caller gives `rows` rows of each.
    unsafe {
        let put = |tile: &[[V; 4]], at: usize| {
            for (r, row) in tile.iter().enumerate() {
                for (v, x) in row.iter().enumerate() {
                    x.store(g.add(at + r * H + 16 * v));
                }
            }
        };
        for i in (0..H).step_by(4) {
            let t = tile::<V, 4>(rows, s.h1.as_ptr().add(i), (1, H), s.d2.as_ptr(), None);
            put(&t, n.w2 + i * H);
        }
        put(&tile::<V, IN>(rows, x, (1, IN), s.d1.as_ptr(), None), n.w1);
        put(&tile::<V, O>(rows, s.dout.as_ptr(), (1, O), s.h2.as_ptr(), None), n.w3);
        let one = 1.0f32;
        put(&tile::<V, 1>(rows, &one, (0, 0), s.d1.as_ptr(), None), n.b1);
        put(&tile::<V, 1>(rows, &one, (0, 0), s.d2.as_ptr(), None), n.b2);
        for o in 0..O {
            *g.add(n.b3 + o) = s.dout[..rows * O].iter().skip(o).step_by(O).sum();
        }
    }
}

/// What one net keeps of a minibatch.
struct Side {
    h1: Vec<f32>,
    h2: Vec<f32>,
    d1: Vec<f32>,
    d2: Vec<f32>,
    dout: Vec<f32>,
    transposed: Vec<f32>,
}

impl Side {
    fn new(rows: usize) -> Side {
        let room = || vec![0.0; rows * H];
        Side {
            h1: room(),
            h2: room(),
            d1: room(),
            d2: room(),
            dout: vec![0.0; rows * ACTIONS],
            transposed: vec![0.0; H * H],
        }
    }
    fn transpose(&mut self, w: &[f32]) {
        for i in 0..H {
            for j in 0..H {
                self.transposed[j * H + i] = w[i * H + j];
            }
        }
    }
}

/// The learner with its worlds.
pub struct Limit {
    s: Setting,
    p: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
    g: Vec<f32>,
    step: i32,
    sides: [Side; 2],
    worlds: Vec<([f64; 4], usize)>,
    random: u64,
    observation: Vec<f32>,
    action: Vec<usize>,
    log_prob: Vec<f32>,
    value: Vec<f32>,
    reward_to_go: Vec<f32>,
    advantage: Vec<f32>,
    /// 0 inside, 1 terminated, 2 truncated.
    ended: Vec<u8>,
    last: Vec<f32>,
    order: Vec<u32>,
    x: Vec<f32>,
    finished: Vec<usize>,
}

const DISCOUNT: f32 = 0.99;
const LAMBDA: f32 = 0.95;
const CLIP: f32 = 0.2;
const ENTROPY: f32 = 0.01;
const RATE: f64 = 2.5e-4;

impl Limit {
    /// A fresh one.
    pub fn new(s: Setting, seed: u64) -> Limit {
        let rows = s.worlds * s.horizon;
        assert!(
            s.worlds.is_multiple_of(4) && s.minibatch.is_multiple_of(4) && rows.is_multiple_of(s.minibatch),
            "sizes are multiples"
        );
        let mut l = Limit {
            s,
            p: vec![0.0; ALL],
            m: vec![0.0; ALL],
            v: vec![0.0; ALL],
            g: vec![0.0; ALL],
            step: 0,
            sides: [Side::new(s.minibatch.max(4)), Side::new(s.minibatch.max(4))],
            worlds: Vec::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            observation: vec![0.0; (rows + s.worlds) * IN],
            action: vec![0; rows],
            log_prob: vec![0.0; rows],
            value: vec![0.0; rows + s.worlds],
            reward_to_go: vec![0.0; rows],
            advantage: vec![0.0; rows],
            ended: vec![0; rows],
            last: vec![0.0; rows * IN],
            order: (0..rows as u32).collect(),
            x: vec![0.0; s.minibatch * IN],
            finished: Vec::with_capacity(1 << 16),
        };
        for (at, outputs, gain) in [(0, ACTIONS, 0.01), (ACTOR, 1, 1.0)] {
            let n = net(at, outputs);
            let sizes = [
                (n.w1, IN * H, (2.0 / IN as f32).sqrt()),
                (n.w2, H * H, (2.0 / H as f32).sqrt()),
                (n.w3, outputs * H, gain / 8.0),
            ];
            for (from, count, scale) in sizes {
                for k in 0..count {
                    l.p[from + k] = scale * 1.73 * (2.0 * l.uniform() - 1.0);
                }
            }
        }
        for _ in 0..s.worlds {
            let start = l.start();
            l.worlds.push((start, 0));
        }
        l
    }

    #[inline(always)]
    fn uniform(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 40) as f32 / (1u64 << 24) as f32
    }

    #[inline(always)]
    fn start(&mut self) -> [f64; 4] {
        std::array::from_fn(|_| 0.1 * f64::from(self.uniform()) - 0.05)
    }

    /// Trains for so many steps; seconds, and the mean return of the last tenth of the episodes.
    pub fn run(&mut self, steps: usize) -> (f64, f64) {
        let start = clock::seconds();
        let rows = self.s.worlds * self.s.horizon;
        let updates = steps.div_ceil(rows);
        for k in 0..updates {
            let rate = RATE * (1.0 - k as f64 / updates as f64);
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512dq") {
                // SAFETY: the processor was asked.
                unsafe { self.update_wide(rate) };
                continue;
            } else if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                // SAFETY: the processor was asked.
                unsafe { self.update_middle(rate) };
                continue;
            }
            // SAFETY: no features are needed.
            unsafe { self.update::<Plain>(rate) };
        }
        let seconds = clock::seconds() - start;
        let tail = &self.finished[self.finished.len() - (self.finished.len() / 10).min(self.finished.len())..];
        (seconds, tail.iter().sum::<usize>() as f64 / tail.len().max(1) as f64)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,fma")]
    unsafe fn update_wide(&mut self, rate: f64) {
        // SAFETY: this function has the features.
        unsafe { self.update::<wide::Wide>(rate) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn update_middle(&mut self, rate: f64) {
        // SAFETY: plain lanes need none.
        unsafe { self.update::<Plain>(rate) }
    }

    #[inline(always)]
    unsafe fn update<V: Lanes>(&mut self, rate: f64) {
        // SAFETY: the caller has the features; sizes were checked at the start.
        unsafe {
            self.play::<V>();
            self.estimate::<V>();
            for _ in 0..self.s.epochs {
                for i in (1..self.order.len()).rev() {
                    let j = (f64::from(self.uniform()) * (i + 1) as f64) as usize;
                    self.order.swap(i, j.min(i));
                }
                for first in (0..self.order.len()).step_by(self.s.minibatch) {
                    self.learn::<V>(first, rate);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn play<V: Lanes>(&mut self) {
        let n = self.s.worlds;
        for t in 0..=self.s.horizon {
            for w in 0..n {
                for k in 0..IN {
                    self.observation[(t * n + w) * IN + k] = self.worlds[w].0[k] as f32;
                }
            }
            if t == self.s.horizon {
                return;
            }
            for w in (0..n).step_by(4) {
                let row = t * n + w;
                let side = &mut self.sides[0];
                // SAFETY: four rows each.
                let head = unsafe {
                    let x = self.observation.as_ptr().add(row * IN);
                    forward::<V, ACTIONS>(
                        self.p.as_ptr(),
                        net(0, ACTIONS),
                        x,
                        side.h1.as_mut_ptr(),
                        side.h2.as_mut_ptr(),
                    )
                };
                for (r, [a, b]) in head.into_iter().enumerate() {
                    let second = 1.0 / (1.0 + (a - b).exp());
                    let k = usize::from(self.uniform() < second);
                    self.action[row + r] = k;
                    self.log_prob[row + r] = (if k == 1 { second } else { 1.0 - second }).ln();
                    self.step_world(w + r, row + r, k);
                }
            }
        }
    }

    #[inline(always)]
    fn step_world(&mut self, w: usize, row: usize, action: usize) {
        let (state, periods) = &mut self.worlds[w];
        let [x, v, angle, spin] = *state;
        let (gravity, mass, moment, half, tau) = (9.8, 1.1, 0.05, 0.5, 0.02);
        let force = if action == 1 { 10.0 } else { -10.0 };
        let (sin, cos) = angle.sin_cos();
        let temp = (force + moment * spin * spin * sin) / mass;
        let turn = (gravity * sin - cos * temp) / (half * (4.0 / 3.0 - 0.1 * cos * cos / mass));
        let push = temp - moment * turn * cos / mass;
        *state = [x + tau * v, v + tau * push, angle + tau * spin, spin + tau * turn];
        *periods += 1;
        let fell = state[0].abs() > 2.4 || state[2].abs() > 12.0 * std::f64::consts::TAU / 360.0;
        self.ended[row] = if fell { 1 } else { 2 * u8::from(*periods >= 500) };
        if self.ended[row] != 0 {
            for k in 0..IN {
                self.last[row * IN + k] = state[k] as f32;
            }
            self.finished.push(*periods);
            let start = self.start();
            self.worlds[w] = (start, 0);
        }
    }

    #[inline(always)]
    unsafe fn estimate<V: Lanes>(&mut self) {
        let n = self.s.worlds;
        let rows = n * self.s.horizon;
        let critic = net(ACTOR, 1);
        let side = &mut self.sides[1];
        let (h1, h2) = (side.h1.as_mut_ptr(), side.h2.as_mut_ptr());
        for row in (0..rows + n).step_by(4) {
            // SAFETY: four rows each.
            let values =
                unsafe { forward::<V, 1>(self.p.as_ptr(), critic, self.observation.as_ptr().add(row * IN), h1, h2) };
            for (r, [value]) in values.into_iter().enumerate() {
                self.value[row + r] = value;
            }
        }
        for row in (0..rows).rev() {
            let after = match self.ended[row] {
                0 => self.value[row + n],
                1 => 0.0,
                _ => {
                    let mut x = [0.0f32; 4 * IN];
                    x[..IN].copy_from_slice(&self.last[row * IN..(row + 1) * IN]);
                    // SAFETY: four rows each.
                    let values = unsafe { forward::<V, 1>(self.p.as_ptr(), critic, x.as_ptr(), h1, h2) };
                    values[0][0]
                }
            };
            let delta = 1.0 + DISCOUNT * after - self.value[row];
            let carried = if self.ended[row] != 0 || row + n >= rows {
                0.0
            } else {
                self.advantage[row + n]
            };
            self.advantage[row] = delta + DISCOUNT * LAMBDA * carried;
            self.reward_to_go[row] = self.advantage[row] + self.value[row];
        }
    }

    #[inline(always)]
    unsafe fn learn<V: Lanes>(&mut self, first: usize, rate: f64) {
        let rows = self.s.minibatch;
        let order = &self.order[first..first + rows];
        let (mut sum, mut squares) = (0.0f64, 0.0f64);
        for (k, &i) in order.iter().enumerate() {
            let i = i as usize;
            self.x[k * IN..(k + 1) * IN].copy_from_slice(&self.observation[i * IN..(i + 1) * IN]);
            sum += f64::from(self.advantage[i]);
            squares += f64::from(self.advantage[i]).powi(2);
        }
        let mean = sum / rows as f64;
        let factor = (1.0 / ((squares / rows as f64 - mean * mean).max(0.0).sqrt() + 1e-8)) as f32;
        let mean = mean as f32;
        let (actor, critic) = (net(0, ACTIONS), net(ACTOR, 1));
        let weight = 1.0 / rows as f32;
        let [a, c] = &mut self.sides;
        a.transpose(&self.p[actor.w2..actor.w2 + H * H]);
        c.transpose(&self.p[critic.w2..critic.w2 + H * H]);
        // SAFETY: rows are a multiple of four, and buffers hold them.
        unsafe {
            let (p, g) = (self.p.as_ptr(), self.g.as_mut_ptr());
            for k in (0..rows).step_by(4) {
                let x = self.x.as_ptr().add(k * IN);
                let (h1, h2) = (a.h1.as_mut_ptr().add(k * H), a.h2.as_mut_ptr().add(k * H));
                let head = forward::<V, ACTIONS>(p, actor, x, h1, h2);
                let mut dout = [[0.0f32; ACTIONS]; 4];
                for r in 0..4 {
                    let i = order[k + r] as usize;
                    let second = 1.0 / (1.0 + (head[r][0] - head[r][1]).exp());
                    let probability = [1.0 - second, second];
                    let log = [probability[0].ln(), probability[1].ln()];
                    let chosen = self.action[i];
                    let advantage = (self.advantage[i] - mean) * factor;
                    let ratio = (log[chosen] - self.log_prob[i]).exp();
                    let inside = ratio.clamp(1.0 - CLIP, 1.0 + CLIP);
                    let moved = if ratio * advantage <= inside * advantage {
                        ratio * advantage
                    } else {
                        0.0
                    };
                    let entropy = -probability[0] * log[0] - probability[1] * log[1];
                    for o in 0..ACTIONS {
                        let hit = f32::from(o == chosen) - probability[o];
                        dout[r][o] = weight * (ENTROPY * probability[o] * (log[o] + entropy) - moved * hit);
                        a.dout[(k + r) * ACTIONS + o] = dout[r][o];
                    }
                }
                let d = (a.d1.as_mut_ptr().add(k * H), a.d2.as_mut_ptr().add(k * H));
                backward::<V, ACTIONS>(p, actor, a.transposed.as_ptr(), &dout, (h1, h2), d);
                let (h1, h2) = (c.h1.as_mut_ptr().add(k * H), c.h2.as_mut_ptr().add(k * H));
                let head = forward::<V, 1>(p, critic, x, h1, h2);
                let mut dout = [[0.0f32; 1]; 4];
                for r in 0..4 {
                    dout[r][0] = weight * (head[r][0] - self.reward_to_go[order[k + r] as usize]);
                    c.dout[k + r] = dout[r][0];
                }
                let d = (c.d1.as_mut_ptr().add(k * H), c.d2.as_mut_ptr().add(k * H));
                backward::<V, 1>(p, critic, c.transposed.as_ptr(), &dout, (h1, h2), d);
            }
            gradient::<V, ACTIONS>(g, actor, rows, self.x.as_ptr(), a);
            gradient::<V, 1>(g, critic, rows, self.x.as_ptr(), c);
        }
        self.adam(rate);
    }

    /// One pass over all parameters, after the norm of the gradient.
    #[inline(always)]
    fn adam(&mut self, rate: f64) {
        let mut lanes = [0.0f32; 16];
        for chunk in self.g.chunks(16) {
            for (s, x) in lanes.iter_mut().zip(chunk) {
                *s = x.mul_add(*x, *s);
            }
        }
        let norm = lanes.iter().sum::<f32>().sqrt();
        let scale = if norm > 0.5 { 0.5 / (norm + 1e-6) } else { 1.0 };
        self.step += 1;
        let rate = (rate / (1.0 - 0.9f64.powi(self.step))) as f32;
        let correction = (1.0 / (1.0 - 0.999f64.powi(self.step)).sqrt()) as f32;
        let (p, g, m, v) = (
            &mut self.p[..ALL],
            &self.g[..ALL],
            &mut self.m[..ALL],
            &mut self.v[..ALL],
        );
        for i in 0..ALL {
            let grad = g[i] * scale;
            m[i] = 0.9f32.mul_add(m[i] - grad, grad);
            v[i] = 0.999f32.mul_add(v[i] - grad * grad, grad * grad);
            p[i] -= rate * m[i] / v[i].sqrt().mul_add(correction, 1e-5);
        }
    }
}
