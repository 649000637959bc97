//! Single-precision kernels of the networks: products, activations, optimiser steps.
//!
//! **Why unsafe is allowed here.** The released binary is built for baseline x86-64, so AVX2 and AVX-512 code must be
//! chosen at run time: a call into a `#[target_feature]` function is unsafe because the compiler cannot see that the
//! processor has been asked. And the register tile of the product reads through raw pointers, since one bounds check a
//! multiply-add would cost more than the multiply-add; all extents are checked once at the entry of [`product`].
//!
//! **Same bits on every processor.** Every element of a product is one chain of fused multiply-adds in the order of the
//! inner index, whatever the width of the vectors; sums over many elements run in sixteen fixed lanes. Fused
//! multiply-add, division and square root are exactly rounded by IEEE 754, so the tiers differ in speed alone (a
//! processor without FMA, before 2013, computes it in software and is slow).
//!
//! The loops other than the product are plain Rust, compiled three times and vectorised by the compiler.
#![allow(unsafe_code)]

/// Which instructions the processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
enum Tier {
    Portable,
    Avx2,
    Avx512,
}

#[cfg(test)]
thread_local! {
    /// Lets tests compare the tiers.
    static FORCED: std::cell::Cell<Option<Tier>> = const { std::cell::Cell::new(None) };
}

#[inline]
fn tier() -> Tier {
    #[cfg(test)]
    if let Some(tier) = FORCED.with(|f| f.get()) {
        return tier;
    }
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("fma")
        {
            return Tier::Avx512;
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return Tier::Avx2;
        }
    }
    Tier::Portable
}

/// Compiles one plain loop for every tier and chooses at run time.
macro_rules! tiered {
    ($(#[$doc:meta])* pub fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        pub fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,fma")]
                fn wide($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn middle($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                match tier() {
                    // SAFETY: `tier` has asked the processor for exactly these features.
                    Tier::Avx512 => return unsafe { wide($($arg),*) },
                    // SAFETY: as above.
                    Tier::Avx2 => return unsafe { middle($($arg),*) },
                    Tier::Portable => {}
                }
            }
            body($($arg),*)
        }
    };
}

// ------------------------------------------------------------------------------------------------ products

/// A matrix in memory: element (i, j) is `data[i * row + j * col]`. A transposed view swaps the strides.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The numbers: one row after another, or one column after another, as `row` and `col` say.
    pub data: &'a [f32],
    /// Distance between rows.
    pub row: usize,
    /// Distance between columns.
    pub col: usize,
}

impl<'a> View<'a> {
    /// A row-major matrix with `columns` columns; `data` holds one number per element.
    pub fn rows(data: &'a [f32], columns: usize) -> Self {
        View {
            data,
            row: columns,
            col: 1,
        }
    }
    /// The transpose of a row-major matrix with `columns` columns; `data` holds one number per element.
    pub fn transposed(data: &'a [f32], columns: usize) -> Self {
        View {
            data,
            row: 1,
            col: columns,
        }
    }
    /// Whether an `m` by `n` matrix lies inside the data.
    fn holds(&self, m: usize, n: usize) -> bool {
        m == 0 || n == 0 || (m - 1) * self.row + (n - 1) * self.col < self.data.len()
    }
}

/// What a product is added to.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Nothing.
    Zero,
    /// One row, as long as the product is wide, added to every row.
    Row(&'a [f32]),
    /// What stands in the output.
    Output,
}

/// Inner length of one pass; a longer product continues its chains from memory.
const INNER: usize = 256;

/// `c = start + a * b`, with `a` `m` by `k`, `b` `k` by `n`, `c` row-major `m` by `n`. `pack` is scratch.
///
/// # Panics
/// If a view or the output is too short: sizes are the caller's, never a user's.
pub fn product((m, n, k): (usize, usize, usize), a: View, b: View, start: Start, c: &mut [f32], pack: &mut Vec<f32>) {
    assert!(
        a.holds(m, k) && b.holds(k, n) && c.len() >= m * n,
        "matrix product out of range"
    );
    if let Start::Row(row) = start {
        assert!(row.len() >= n, "matrix product out of range");
    }
    crate::limits::poll();
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        for out in c[..m * n].chunks_exact_mut(n) {
            match start {
                Start::Zero => out.fill(0.0),
                Start::Row(row) => out.copy_from_slice(&row[..n]),
                Start::Output => {}
            }
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    match tier() {
        // SAFETY: extents are checked above, and `tier` has asked the processor for the features.
        Tier::Avx512 if n > 16 => {
            return unsafe { x86::product_512x2((m, n, k), a, b, start, c, pack) };
        }
        // SAFETY: as above.
        Tier::Avx512 => return unsafe { x86::product_512((m, n, k), a, b, start, c, pack) },
        // SAFETY: as above.
        Tier::Avx2 => return unsafe { x86::product_256((m, n, k), a, b, start, c, pack) },
        Tier::Portable => {}
    }
    // SAFETY: extents are checked above.
    unsafe { tiles::<[f32; 8], 2, 4>((m, n, k), a, b, start, c, pack) }
}

/// A vector register.
trait Lanes: Copy {
    const WIDTH: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self * b + c`, rounded once.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// Transposes a square block: `to[i * to_row + j] = from[j * from_row + i]` for all `i` and `j` below [`Lanes::WIDTH`].
    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
        for j in 0..Self::WIDTH {
            for i in 0..Self::WIDTH {
                // SAFETY: the caller gives blocks of that size.
                unsafe { *to.add(i * to_row + j) = *from.add(j * from_row + i) };
            }
        }
    }
}

impl Lanes for [f32; 8] {
    const WIDTH: usize = 8;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller gives eight readable numbers.
        unsafe { from.cast::<[f32; 8]>().read() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives room for eight numbers.
        unsafe { to.cast::<[f32; 8]>().write(self) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        std::array::from_fn(|i| self[i].mul_add(b[i], c[i]))
    }
}

/// The product in tiles of `ROWS` rows by `VECTORS` registers.
///
/// # Safety
/// The views hold `m` by `k` and `k` by `n` matrices, `c` has `m * n` elements, a [`Start::Row`] has `n`.
#[inline(always)]
unsafe fn tiles<V: Lanes, const VECTORS: usize, const ROWS: usize>(
    (m, n, k): (usize, usize, usize),
    a: View,
    b: View,
    start: Start,
    c: &mut [f32],
    pack: &mut Vec<f32>,
) {
    let width = V::WIDTH * VECTORS;
    if pack.len() < INNER * width {
        pack.resize(INNER * width, 0.0);
    }
    let mut first = [0.0f32; 64];
    for j in (0..n).step_by(width) {
        let columns = width.min(n - j);
        for l in (0..k).step_by(INNER) {
            let inner = INNER.min(k - l);
            // The panel of b: read in place where its rows are contiguous and too few rows of a would repay a copy.
            let (panel, panel_row) = if b.col == 1 && columns == width && (m < 16 || b.row == width) {
                // SAFETY: inside b by the contract.
                (unsafe { b.data.as_ptr().add(l * b.row + j) }, b.row)
            } else {
                let blocks = if b.row == 1 && columns == width {
                    inner / V::WIDTH
                } else {
                    0
                };
                for p in 0..blocks {
                    for q in 0..VECTORS {
                        let from = l + p * V::WIDTH + (j + q * V::WIDTH) * b.col;
                        let to = (p * width + q) * V::WIDTH;
                        // SAFETY: a block inside b and one inside the panel, by the contract and the length of `pack`.
                        unsafe { V::transpose(b.data.as_ptr().add(from), b.col, pack.as_mut_ptr().add(to), width) };
                    }
                }
                for p in blocks * V::WIDTH..inner {
                    let row = &mut pack[p * width..(p + 1) * width];
                    let from = (l + p) * b.row + j * b.col;
                    if b.col == 1 && columns == width {
                        for v in 0..VECTORS {
                            let (at, to) = (v * V::WIDTH, row[v * V::WIDTH..].as_mut_ptr());
                            // SAFETY: a whole row of the panel, inside b by the contract.
                            unsafe { V::load(b.data.as_ptr().add(from + at)).store(to) };
                        }
                    } else if b.col == 1 {
                        row[..columns].copy_from_slice(&b.data[from..from + columns]);
                    } else {
                        for (q, x) in row[..columns].iter_mut().enumerate() {
                            *x = b.data[from + q * b.col];
                        }
                    }
                    row[columns..].fill(0.0);
                }
                (pack.as_ptr(), width)
            };
            let begin = match start {
                _ if l > 0 => Begin::Output,
                Start::Output => Begin::Output,
                Start::Zero => Begin::Row,
                Start::Row(row) => {
                    first[..columns].copy_from_slice(&row[j..j + columns]);
                    Begin::Row
                }
            };
            let mut i = 0;
            while i < m {
                // SAFETY: rows i.. of a and c exist; the panel has `inner` rows of `width`.
                unsafe {
                    let tile = Tile {
                        inner,
                        a: a.data.as_ptr().add(i * a.row + l * a.col),
                        a_row: a.row,
                        a_col: a.col,
                        panel,
                        panel_row,
                        c: c.as_mut_ptr().add(i * n + j),
                        c_row: n,
                        columns,
                        begin,
                        first: &first,
                    };
                    if m - i >= ROWS {
                        tile.run::<V, VECTORS, ROWS>();
                        i += ROWS;
                    } else if m - i >= 4 {
                        tile.run::<V, VECTORS, 4>();
                        i += 4;
                    } else if m - i >= 2 {
                        tile.run::<V, VECTORS, 2>();
                        i += 2;
                    } else {
                        tile.run::<V, VECTORS, 1>();
                        i += 1;
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Begin {
    Row,
    Output,
}

/// One tile of the output.
struct Tile<'a> {
    inner: usize,
    a: *const f32,
    a_row: usize,
    a_col: usize,
    panel: *const f32,
    panel_row: usize,
    c: *mut f32,
    c_row: usize,
    columns: usize,
    begin: Begin,
    first: &'a [f32; 64],
}

impl Tile<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes, const VECTORS: usize, const ROWS: usize>(&self) {
        let width = V::WIDTH * VECTORS;
        let full = self.columns == width;
        // SAFETY: `tiles` hands over pointers with `ROWS` rows, `inner` inner indices and `columns` columns;
        // a partial tile goes through a buffer of `width` numbers.
        unsafe {
            let mut sum = [[V::splat(0.0); VECTORS]; ROWS];
            let mut buffer = [0.0f32; 64];
            for (r, row) in sum.iter_mut().enumerate() {
                let from = match self.begin {
                    Begin::Row => self.first.as_ptr(),
                    Begin::Output if full => self.c.add(r * self.c_row).cast_const(),
                    Begin::Output => {
                        std::ptr::copy_nonoverlapping(
                            self.c.add(r * self.c_row).cast_const(),
                            buffer.as_mut_ptr(),
                            self.columns,
                        );
                        buffer.as_ptr()
                    }
                };
                for (v, x) in row.iter_mut().enumerate() {
                    *x = V::load(from.add(v * V::WIDTH));
                }
            }
            for l in 0..self.inner {
                let mut b = [V::splat(0.0); VECTORS];
                for (v, x) in b.iter_mut().enumerate() {
                    *x = V::load(self.panel.add(l * self.panel_row + v * V::WIDTH));
                }
                for (r, row) in sum.iter_mut().enumerate() {
                    let x = V::splat(*self.a.add(r * self.a_row + l * self.a_col));
                    for (s, &y) in row.iter_mut().zip(&b) {
                        *s = x.mul_add(y, *s);
                    }
                }
            }
            for (r, row) in sum.iter().enumerate() {
                let to = self.c.add(r * self.c_row);
                let target = if full { to } else { buffer.as_mut_ptr() };
                for (v, x) in row.iter().enumerate() {
                    x.store(target.add(v * V::WIDTH));
                }
                if !full {
                    std::ptr::copy_nonoverlapping(buffer.as_ptr(), to, self.columns);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, Start, View, tiles};
    use std::arch::x86_64::*;

    impl Lanes for __m256 {
        const WIDTH: usize = 8;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: only called below, inside functions with AVX2.
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above; the caller gives eight readable numbers.
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above; the caller gives room for eight numbers.
            unsafe { _mm256_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn mul_add(self, b: Self, c: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_fmadd_ps(self, b, c) }
        }
    }

    impl Lanes for __m512 {
        const WIDTH: usize = 16;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: only called below, inside functions with AVX-512.
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above; the caller gives sixteen readable numbers.
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above; the caller gives room for sixteen numbers.
            unsafe { _mm512_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn mul_add(self, b: Self, c: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_fmadd_ps(self, b, c) }
        }
        #[inline(always)]
        unsafe fn transpose(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
            // SAFETY: as above; the caller gives sixteen rows of sixteen numbers on both sides.
            unsafe {
                let r: [__m512; 16] = std::array::from_fn(|i| _mm512_loadu_ps(from.add(i * from_row)));
                let mut a = r;
                for i in 0..8 {
                    a[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
                    a[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
                }
                // Quarter g of b[4 i + j] is column 4 g + j of rows 4 i to 4 i + 3.
                let mut b = a;
                for i in 0..4 {
                    let pair = |k: usize| (_mm512_castps_pd(a[4 * i + k]), _mm512_castps_pd(a[4 * i + k + 2]));
                    for k in 0..2 {
                        let (x, y) = pair(k);
                        b[4 * i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(x, y));
                        b[4 * i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(x, y));
                    }
                }
                for j in 0..4 {
                    let even = |x, y| _mm512_shuffle_f32x4::<0x88>(x, y);
                    let odd = |x, y| _mm512_shuffle_f32x4::<0xdd>(x, y);
                    let (first, second) = (even(b[j], b[4 + j]), even(b[8 + j], b[12 + j]));
                    let (third, fourth) = (odd(b[j], b[4 + j]), odd(b[8 + j], b[12 + j]));
                    let columns = [
                        even(first, second),
                        even(third, fourth),
                        odd(first, second),
                        odd(third, fourth),
                    ];
                    for (g, column) in columns.into_iter().enumerate() {
                        _mm512_storeu_ps(to.add((4 * g + j) * to_row), column);
                    }
                }
            }
        }
    }

    macro_rules! variant {
        ($name:ident, $features:literal, $lanes:ty, $vectors:literal, $rows:literal) => {
            /// # Safety
            /// The processor has the features; extents as in [`tiles`].
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(
                size: (usize, usize, usize),
                a: View,
                b: View,
                start: Start,
                c: &mut [f32],
                pack: &mut Vec<f32>,
            ) {
                // SAFETY: the caller's contract.
                unsafe { tiles::<$lanes, $vectors, $rows>(size, a, b, start, c, pack) }
            }
        };
    }
    variant!(product_512x2, "avx512f,avx512vl,avx512dq,fma", __m512, 2, 12);
    variant!(product_512, "avx512f,avx512vl,avx512dq,fma", __m512, 1, 12);
    variant!(product_256, "avx2,fma", __m256, 2, 6);
}

// --------------------------------------------------------------------------------------- elementwise loops

/// Hyperbolic tangent as a rational function, odd of degree 13 over even of degree 6 (the coefficients are those of
/// Eigen's `generic_fast_tanh_float`); largest error about 3e-7. Not a number stays so.
#[inline(always)]
pub fn fast_tanh(x: f32) -> f32 {
    const BOUND: f32 = 7.998_811_7;
    let x = x.clamp(-BOUND, BOUND);
    let s = x * x;
    let mut p = s.mul_add(-2.760_768_5e-16, 2.000_188e-13);
    p = s.mul_add(p, -8.604_672e-11);
    p = s.mul_add(p, 5.122_297e-8);
    p = s.mul_add(p, 1.485_722_4e-5);
    p = s.mul_add(p, 6.372_619e-4);
    p = s.mul_add(p, 4.893_524_6e-3);
    let mut q = s.mul_add(1.198_258_4e-6, 1.185_347_1e-4);
    q = s.mul_add(q, 2.268_434_6e-3);
    q = s.mul_add(q, 4.893_525e-3);
    x * p / q
}

tiered! {
    /// `x = tanh(x)` in place; any length.
    pub fn tanh_in_place(x: &mut [f32]) {
        for v in x {
            *v = fast_tanh(*v);
        }
    }
}

tiered! {
    /// `x = 1 / (1 + exp(-x))` in place; any length.
    pub fn sigmoid_in_place(x: &mut [f32]) {
        for v in x {
            *v = fast_tanh(0.5 * *v).mul_add(0.5, 0.5);
        }
    }
}

tiered! {
    /// `x = max(x, 0)` in place; any length. Not a number stays so.
    pub fn relu_in_place(x: &mut [f32]) {
        for v in x {
            *v = if *v < 0.0 { 0.0 } else { *v };
        }
    }
}

tiered! {
    /// `d *= 1 - y^2`: the derivative of tanh at output `y`. Both have the same length.
    pub fn tanh_backward(y: &[f32], d: &mut [f32]) {
        for (d, &y) in d.iter_mut().zip(y) {
            *d *= (-y).mul_add(y, 1.0);
        }
    }
}

tiered! {
    /// `d = 0` where the output `y` is not positive. Both have the same length.
    pub fn relu_backward(y: &[f32], d: &mut [f32]) {
        for (d, &y) in d.iter_mut().zip(y) {
            *d = if y > 0.0 { *d } else { 0.0 };
        }
    }
}

tiered! {
    /// `out[j] += sum over rows i of x[i, j]`, in the order of the rows; `x` is `rows x out.len()`.
    pub fn add_column_sums(x: &[f32], out: &mut [f32]) {
        for row in x.chunks_exact(out.len().max(1)) {
            for (o, &v) in out.iter_mut().zip(row) {
                *o += v;
            }
        }
    }
}

tiered! {
    /// Sum of squares of `x` (any length) in sixteen fixed lanes, added up in double precision.
    pub fn sum_of_squares(x: &[f32]) -> f64 {
        let mut lanes = [0.0f32; 16];
        let chunks = x.chunks_exact(16);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (s, &v) in lanes.iter_mut().zip(chunk) {
                *s = v.mul_add(v, *s);
            }
        }
        let mut total = 0.0f64;
        for s in lanes {
            total += s as f64;
        }
        for &v in rest {
            total += v as f64 * v as f64;
        }
        total
    }
}

tiered! {
    /// `x += weight * (y - x)`: Polyak averaging. Both have the same length.
    pub fn blend(x: &mut [f32], y: &[f32], weight: f32) {
        for (x, &y) in x.iter_mut().zip(y) {
            *x = weight.mul_add(y - *x, *x);
        }
    }
}

/// Numbers of one Adam step.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Factor on the gradient (norm clipping).
    pub scale: f32,
    /// Learning rate over the first bias correction.
    pub rate: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// One over the root of the second bias correction.
    pub correction: f32,
    /// Added to the denominator.
    pub epsilon: f32,
}

/// A moment, or zero below `least`. Units that never fire have derivatives of exactly zero; their moments would shrink until they are
/// denormal, and processors are a hundred times slower at those.
#[inline(always)]
fn kept(x: f32, least: f32) -> f32 {
    if x.abs() < least { 0.0 } else { x }
}

tiered! {
    /// One step of Adam (Kingma and Ba 2015) on all parameters, in one pass. Parameters `p`, gradient `g`, first
    /// moments `m` and second moments `v` have one number per parameter.
    pub fn adam(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], s: AdamStep) {
        let n = p.len();
        let (g, m, v) = (&g[..n], &mut m[..n], &mut v[..n]);
        for i in 0..n {
            let grad = g[i] * s.scale;
            m[i] = kept(s.beta1.mul_add(m[i] - grad, grad), 1e-30);
            v[i] = kept(s.beta2.mul_add(v[i] - grad * grad, grad * grad), 1e-36);
            p[i] -= s.rate * m[i] / v[i].sqrt().mul_add(s.correction, s.epsilon);
        }
    }
}

tiered! {
    /// One step of RMSprop (Tieleman and Hinton 2012), epsilon outside the root, no momentum. Parameters `p`, gradient
    /// `g` and second moments `v` have one number per parameter.
    pub fn rms_prop(p: &mut [f32], g: &[f32], v: &mut [f32], scale: f32, rate: f32, decay: f32, epsilon: f32) {
        let n = p.len();
        let (g, v) = (&g[..n], &mut v[..n]);
        for i in 0..n {
            let grad = g[i] * scale;
            v[i] = kept(decay.mul_add(v[i] - grad * grad, grad * grad), 1e-36);
            p[i] -= rate * grad / (v[i].sqrt() + epsilon);
        }
    }
}

#[cfg(test)]
mod tests;
