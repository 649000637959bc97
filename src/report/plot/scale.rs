//! From data to pixels: ranges that show what matters, round ticks, clipping, thinning.

use plotters::coord::ranged1d::{BoldPoints, Ranged};
use plotters::coord::types::RangedCoordf64;

/// A linear map of an interval of data to an interval of pixels.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) data: [f64; 2],
    pub(super) pixels: [f64; 2],
}

impl Scale {
    /// Where `x` stands.
    pub(super) fn at(&self, x: f64) -> f64 {
        let share = (x - self.data[0]) / (self.data[1] - self.data[0]);
        self.pixels[0] + share * (self.pixels[1] - self.pixels[0])
    }

    /// About `count` round numbers inside the interval, ascending, in the units of the axis, one per tick.
    pub(super) fn ticks(&self, count: usize) -> Vec<f64> {
        let [low, high] = self.data;
        RangedCoordf64::from(low..high)
            .key_points(BoldPoints(count.max(2)))
            .into_iter()
            .filter(|t| (low..=high).contains(t))
            // -0.0 and dust of sums near zero
            .map(|t| if t.abs() < (high - low) * 1e-9 { 0.0 } else { t })
            .collect()
    }
}

/// The range `[low, high]` of horizontal coordinates: all finite ones, no margin.
pub(super) fn full_range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in values.filter(|v| v.is_finite()) {
        low = low.min(v);
        high = high.max(v);
    }
    if low > high { [0.0, 1.0] } else { opened(low, high) }
}

/// The range of vertical coordinates: all finite ones with a small margin. Where a few values lie far outside (a value
/// function near the edge of its domain), the range of the middle 96 in a hundred with a margin of their width on each
/// side, so that the rest can be seen.
pub(super) fn useful_range(values: impl Iterator<Item = f64>, include: impl Iterator<Item = f64>) -> [f64; 2] {
    let mut sorted: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else {
        return full_range(include);
    };
    let quantile = |q: f64| sorted[((sorted.len() - 1) as f64 * q).round() as usize];
    let (q_low, q_high) = (quantile(0.02), quantile(0.98));
    let middle = q_high - q_low;
    let (mut low, mut high) = (first, last);
    if middle > 0.0 && high - low > 12.0 * middle {
        low = low.max(q_low - middle);
        high = high.min(q_high + middle);
    }
    for v in include.filter(|v| v.is_finite()) {
        // A reference line far away would flatten everything: it then is left out.
        if (v - low).abs().min((v - high).abs()) <= 3.0 * (high - low).max(f64::MIN_POSITIVE) || low == high {
            low = low.min(v);
            high = high.max(v);
        }
    }
    let [low, high] = opened(low, high);
    let margin = 0.04 * (high - low);
    [low - margin, high + margin]
}

/// A range that is not empty, and not so narrow that rounding shows.
fn opened(low: f64, high: f64) -> [f64; 2] {
    let size = low.abs().max(high.abs());
    if high - low > 1e-12 * size && (high - low).is_finite() && high > low {
        [low, high]
    } else if size == 0.0 {
        [-1.0, 1.0]
    } else {
        let half = (0.05 * size).min(f64::MAX / 8.0);
        [low.max(f64::MIN / 8.0) - half, high.min(f64::MAX / 8.0) + half]
    }
}

/// The pieces of a curve, lists of points `[x, y]`, that lie inside `[low, high]` vertically, cut where it leaves,
/// broken where it is not finite. `x` and `y` have one number per point.
pub(super) fn clipped(x: &[f64], y: &[f64], low: f64, high: f64) -> Vec<Vec<[f64; 2]>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<[f64; 2]> = Vec::new();
    let mut previous: Option<[f64; 2]> = None;
    for (&x, &y) in x.iter().zip(y) {
        if !x.is_finite() || !y.is_finite() {
            close(&mut pieces, &mut piece);
            previous = None;
            continue;
        }
        let inside = |p: [f64; 2]| (low..=high).contains(&p[1]);
        let point = [x, y];
        if let Some(before) = previous {
            let cut = |bound: f64| {
                let share = (bound - before[1]) / (y - before[1]);
                [before[0] + share * (x - before[0]), bound]
            };
            if inside(before) != inside(point) {
                let outside = if inside(before) { y } else { before[1] };
                piece.push(cut(if outside > high { high } else { low }));
                if inside(before) {
                    close(&mut pieces, &mut piece);
                }
            } else if !inside(point) && (before[1] < low) != (y < low) {
                // from below to above in one step
                pieces.push(vec![
                    cut(if before[1] < low { low } else { high }),
                    cut(if y < low { low } else { high }),
                ]);
            }
        }
        if inside(point) {
            piece.push(point);
        }
        previous = Some(point);
    }
    close(&mut pieces, &mut piece);
    pieces
}

fn close(pieces: &mut Vec<Vec<[f64; 2]>>, piece: &mut Vec<[f64; 2]>) {
    if !piece.is_empty() {
        pieces.push(std::mem::take(piece));
    }
}

/// A curve, points `[x, y]` in pixels in order, with no more points than can be seen: of the points in one pixel column
/// the first, the lowest, the highest and the last, in their order.
pub(super) fn thinned(points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    if points.len() < 2000 {
        return points;
    }
    let mut out: Vec<[f64; 2]> = Vec::new();
    let mut start = 0;
    while start < points.len() {
        let column = points[start][0].floor();
        let end = (start..points.len())
            .find(|&i| points[i][0].floor() != column)
            .unwrap_or(points.len());
        let by_height = |a: &usize, b: &usize| points[*a][1].total_cmp(&points[*b][1]);
        let mut keep = vec![start, end - 1];
        keep.extend((start..end).min_by(by_height));
        keep.extend((start..end).max_by(by_height));
        keep.sort_unstable();
        keep.dedup();
        out.extend(keep.into_iter().map(|i| points[i]));
        start = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_never_empty_and_ignore_what_is_not_finite() {
        for values in [
            vec![],
            vec![2.0],
            vec![0.0, 0.0],
            vec![f64::NAN, 3.0, f64::INFINITY],
            vec![1e300, -1e300],
        ] {
            let [low, high] = useful_range(values.iter().copied(), std::iter::empty());
            assert!(low < high && low.is_finite() && high.is_finite(), "{values:?}");
            let [low, high] = full_range(values.iter().copied());
            assert!(low < high && low.is_finite() && high.is_finite(), "{values:?}");
        }
    }

    #[test]
    fn one_far_value_does_not_flatten_the_rest() {
        let values = (0..200).map(f64::from).chain([-1e7]);
        let [low, high] = useful_range(values, std::iter::empty());
        assert!(low > -1000.0 && high < 1000.0, "{low} {high}");
    }

    #[test]
    fn a_curve_is_cut_where_it_leaves_the_panel() {
        let pieces = clipped(&[0.0, 1.0, 2.0, 3.0], &[0.0, 2.0, 0.0, f64::NAN], 0.0, 1.0);
        assert_eq!(pieces, vec![vec![[0.0, 0.0], [0.5, 1.0]], vec![[1.5, 1.0], [2.0, 0.0]]]);
        let through = clipped(&[0.0, 1.0], &[-1.0, 2.0], 0.0, 1.0);
        assert_eq!(through.len(), 1);
        assert!((through[0][0][0] - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn thinning_keeps_extremes() {
        let points: Vec<[f64; 2]> = (0..100_000)
            .map(|i| [i as f64 / 500.0, if i == 777 { 9.0 } else { (i % 7) as f64 }])
            .collect();
        let thin = thinned(points);
        assert!(thin.len() <= 201 * 4);
        assert!(thin.iter().any(|p| p[1] == 9.0));
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale {
            data: [0.03, 0.97],
            pixels: [0.0, 600.0],
        };
        let ticks = scale.ticks(6);
        assert!(
            ticks.len() >= 3 && ticks.iter().all(|t| (0.03..=0.97).contains(t)),
            "{ticks:?}"
        );
        assert!(
            ticks.iter().all(|t| crate::report::number::tick(*t).len() <= 5),
            "{ticks:?}"
        );
    }
}
