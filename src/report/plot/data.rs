//! The numbers of a picture as JSON, with the rectangles they are drawn in: what the script of `report.html` reads.
//!
//! `{"x": [[..], ..], "panels": [{"title", "x", "y", "regions": [[from, to, name], ..] that are shaded, "box": [left, right, upper, lower] in pixels, "range": [low, high,
//! low, high] of both axes, "names": for both axes [[place, name], ..] where places have names, "curves": [{"name", "ink", "stroke", "at": place in the outer x, "y": [..], "low", "high"}]}
//! or, for a map, "cells": {"label", "x", "y", "values": row by row}}]}`. What is no number is null.

use super::scale::Scale;
use super::{Names, Region, Series, Stroke};
use serde_json::{Map, Value, json};

/// Most points of a curve under the pointer: more than a panel has pixels. The CSV beside the page has all.
const MOST_POINTS: usize = 1000;

/// The scales of a panel, horizontal and vertical, and the names of places on them.
pub(super) struct Plane<'a> {
    pub(super) x: &'a Scale,
    pub(super) y: &'a Scale,
    pub(super) names: [&'a Names; 2],
}

/// A curve and the colour it has.
pub(super) struct Curve<'a> {
    pub(super) ink: String,
    pub(super) series: &'a Series,
}

/// What a panel shows.
pub(super) enum Shown<'a> {
    Curves(Vec<Curve<'a>>),
    /// Values y x x, row-major.
    Cells {
        x: Vec<f64>,
        y: Vec<f64>,
        values: Vec<f64>,
        label: &'a str,
    },
}

/// The numbers of a picture, gathered panel by panel.
#[derive(Default)]
pub(super) struct Data<'a> {
    /// Horizontal coordinates, each list once.
    x: Vec<&'a [f64]>,
    panels: Vec<Value>,
}

impl<'a> Data<'a> {
    /// Adds a panel; `words`: its title and the labels of its axes.
    pub(super) fn panel(&mut self, plane: &Plane, words: [&str; 3], shown: &Shown<'a>, regions: &[Region]) {
        let (x, y) = (plane.x, plane.y);
        let mut panel = Map::new();
        for (key, word) in ["title", "x", "y"].into_iter().zip(words) {
            panel.insert(key.into(), word.into());
        }
        let pixel = |p: f64| (p * 10.0).round() / 10.0;
        panel.insert(
            "box".into(),
            json!([x.pixels[0], x.pixels[1], y.pixels[1], y.pixels[0]].map(pixel)),
        );
        panel.insert("range".into(), json!([x.data[0], x.data[1], y.data[0], y.data[1]]));
        match shown {
            Shown::Curves(curves) => {
                let curves: Vec<Value> = curves.iter().map(|c| self.curve(c)).collect();
                panel.insert("curves".into(), curves.into());
            }
            Shown::Cells { x, y, values, label } => {
                // Of cells there are many, and what is shown has six digits.
                let digits = |v: &f64| format!("{v:.6e}").parse::<f64>().unwrap_or(*v);
                let values: Vec<f64> = values.iter().map(digits).collect();
                panel.insert(
                    "cells".into(),
                    json!({"label": label, "x": x, "y": y, "values": values}),
                );
            }
        }
        if plane.names.iter().any(|n| !n.is_empty()) {
            panel.insert("names".into(), json!(plane.names));
        }
        if !regions.is_empty() {
            let regions: Vec<Value> = regions.iter().map(|r| json!([r.from, r.to, r.label])).collect();
            panel.insert("regions".into(), regions.into());
        }
        self.panels.push(panel.into());
    }

    fn curve(&mut self, curve: &Curve<'a>) -> Value {
        let series = curve.series;
        let known = self.x.iter().position(|x| *x == series.x.as_slice());
        let at = known.unwrap_or_else(|| {
            self.x.push(&series.x);
            self.x.len() - 1
        });
        let stroke = match series.stroke {
            Stroke::Solid => "solid",
            Stroke::Dashed => "dashed",
            Stroke::Faint => "faint",
            Stroke::Points => "points",
        };
        let mut out = json!({"name": series.name, "ink": curve.ink, "stroke": stroke, "at": at, "y": told(&series.y)});
        // What only fills the space below a curve is no band.
        let band = series.band.as_ref().filter(|(_, high)| *high != series.y);
        if let (Some((low, high)), Some(out)) = (band, out.as_object_mut()) {
            out.insert("low".into(), json!(told(low)));
            out.insert("high".into(), json!(told(high)));
        }
        out
    }

    /// All of it as text.
    pub(super) fn text(&self) -> String {
        let x: Vec<Vec<f64>> = self.x.iter().map(|x| told(x)).collect();
        json!({"x": x, "panels": self.panels}).to_string()
    }
}

/// The numbers of a curve that a pointer can tell apart: all, or evenly chosen ones and the last of a long list.
fn told(numbers: &[f64]) -> Vec<f64> {
    let step = numbers.len().div_ceil(MOST_POINTS).max(1);
    let last = numbers.len().saturating_sub(1);
    let chosen = numbers.iter().enumerate().filter(|(i, _)| i % step == 0 || *i == last);
    chosen.map(|(_, x)| *x).collect()
}

#[cfg(test)]
mod tests {
    use super::{MOST_POINTS, told};

    #[test]
    fn long_curves_are_thinned_to_their_ends() {
        let long: Vec<f64> = (0..17_820).map(f64::from).collect();
        let few = told(&long);
        assert!(few.len() <= MOST_POINTS + 1 && few[0] == 0.0 && few[few.len() - 1] == 17_819.0);
        assert_eq!(told(&long[..MOST_POINTS]), long[..MOST_POINTS]);
        assert!(told(&[]).is_empty());
    }
}
